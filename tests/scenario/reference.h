/* The rules of keeping a token, written once more, plainly: of everything that ever happened a whole list is
 * kept, and each question is answered by looking through it. The machine (lib/refresh) is compared with this
 * after each event. It shares no code with the machine but the words of its interface.
 *
 * The machine draws lots (jitter); the reference does not know them. So it tells two moments for each thing:
 * one before which it may not happen, and one at which it must have happened. */
#pragma once

#include "lib/refresh.h"

#define MODEL_KEYS_MAX 256 /* serials are 1 to MODEL_KEYS_MAX - 1 */

enum fate {
        FATE_UNDER_WAY,
        FATE_ANSWERED,
        FATE_UNSENT, /* it failed before anything left the host */
        FATE_HELD,   /* it was not allowed: nothing was sent */
        FATE_LOST,   /* its key went, or the program ended: there is no answer */
        FATE_ANEW,   /* no exchange: another machine began here, and knows no failures */
        FATE_FOUND,  /* no exchange: a token of others was adopted */
};

struct reference_exchange {
        uint64_t sent_usec, ended_usec;
        uint64_t key;
        enum refresh_reason reason;
        enum refresh_share share;
        enum fate fate;
        struct refresh_outcome outcome;
        bool fresh;         /* granted, and adopted */
        bool store;         /* there was one when it ended */
        bool calm;          /* and it was not pressing */
        bool patient;       /* 401, and by then all keys had heard nothing else for an hour */
        uint64_t due_usec;  /* of a failure: not later than that, as the token's refresh point comes first,
                               or as patience ended */
        uint64_t soon_usec; /* the least that may be */
        unsigned n_before;  /* of ANEW: attempts in vain before it, after which the waits go on */
};

struct reference_key {
        bool there, kept;
        struct key_knowledge known;
        enum key_heard heard;                    /* since the latest grant of any key */
        uint64_t failed_usec;                    /* of FAILED: the latest such answer */
        uint64_t held_usec, held_spread_usec;    /* the upstream's patience, and how much later it may be */
        uint64_t trial_from_usec, trial_by_usec; /* USEC_NEVER: no trial */
        unsigned n_unheard;                      /* trials in a row that said nothing */
        bool trial_stands;     /* somebody wished it after it was asked last: an answer now is older */
        uint64_t put_off_usec; /* the store was against a trial that was due then */
        size_t asked;          /* how many lines the list had after its latest exchange; 0: it had none */
        bool asked_around;     /* in the latest round */
};

struct reference {
        struct reference_exchange *exchanges; /* all there ever were */
        size_t n, size;

        struct reference_key keys[MODEL_KEYS_MAX];
        uint64_t order[2 * KEYS_PER_ENVIRONMENT_MAX]; /* serials, as they are tried: a kept one behind its
                                                         replacement */
        size_t n_order;
        char labels[2 * KEYS_PER_ENVIRONMENT_MAX][KEY_LABEL_MAX + 1];
        bool started; /* this machine has had keys */

        bool has_token, reported;
        bool restored;          /* the token is from the machine before */
        bool restored_reported; /* and had been reported there */
        uint64_t sent_usec, life_usec;

        uint64_t held_usec, held_spread_usec; /* the URL's patience */
        uint64_t only_401_usec;               /* since when there was no other answer, or key; 0: not */
        uint64_t asked_key;                   /* latest */

        bool wish;
        enum refresh_reason wish_reason;
        bool wish_new_account;            /* a key that is new is to say whose the tokens are */
        bool round, round_sure;           /* one may be under way; one is */
        bool need_rounded, trial_rounded; /* one was begun in this trouble */
        bool chance_taken;                /* the token's last chance was begun */
        enum refresh_share round_share;

        bool store;           /* there is one */
        bool early;           /* the token's refresh point was drawn with one: at 30 to 40 % */
        bool failed;          /* the latest time */
        bool found;           /* the token is from it */
        uint64_t found_usec;  /* since then */
        bool unanswered;      /* and found late, and no exchange was sent since; */
        uint64_t own_by_usec; /* so another late one does not put its own time off; USEC_NEVER: the first */
        bool put_off;         /* it was against the next exchange when it was asked last */
        uint64_t told_usec;   /* since when it is, though there is no good token or a demand; 0: it is not */
        uint64_t cool_usec;   /* until then keys may be passed over because of it */
        uint64_t pause_usec;  /* it is not asked again before that, as it had a token */
        uint32_t min_ttl_sec; /* of the demands that are a wish */
        unsigned n_rejected;  /* tokens of it that were reported, in a row */
        uint64_t distrust_usec; /* until then it is not asked, because of them */
        uint32_t lifetime_sec;  /* of the latest token */
};

void reference_init(struct reference *reference);
void reference_clear(struct reference *reference);

/* ---- what happened ---- */

/* The trial under way was given up, as it hung when need was due. */
void reference_given_up(struct reference *reference, uint64_t now_usec);

/* Returns whether the exchange under way is void. */
bool reference_keys(struct reference *reference, const struct key_name *names, size_t n, uint64_t now_usec);
void reference_sent(struct reference *reference, uint64_t key, enum refresh_reason reason,
                    enum refresh_share share, uint64_t now_usec);
void reference_answered(struct reference *reference, const struct refresh_outcome *outcome,
                        uint64_t now_usec);
void reference_held(struct reference *reference, bool key, uint64_t until_usec, uint64_t now_usec);
/* A report came while an exchange was under way, which is its answer. */
void reference_reported(struct reference *reference);
/* A caller's or an operator's wish was accepted. */
void reference_wished(struct reference *reference, enum refresh_reason reason, uint64_t now_usec);
void reference_operator(struct reference *reference, bool new_account, uint64_t now_usec);
/* After each event: a round without a key that could be asked is over. */
void reference_settle(struct reference *reference, uint64_t now_usec);
/* No token any more (it expired). */
void reference_expired(struct reference *reference);
/* There has been no key for a while: the knowledge is forgotten. */
void reference_off(struct reference *reference, uint64_t now_usec);
/* Another machine took over; with the token, or without. It knows of keys what their names tell. */
void reference_anew(struct reference *reference, bool token, bool same_upstream, uint64_t now_usec);

/* ---- the store (reference_store.c) ---- */

/* Is the token of this answer to be adopted? */
bool reference_is_of_use(const struct reference *reference, const struct refresh_claim *claim,
                         uint64_t now_usec);
/* It is. */
void reference_found(struct reference *reference, uint64_t key, const struct refresh_claim *claim,
                     uint64_t now_usec);
/* The store has answered otherwise: LEASED, HELD, COOL or FAILED, which silence is as well. */
void reference_told(struct reference *reference, enum refresh_claim_kind kind, uint64_t now_usec);
/* Likewise for a trial of this key. */
void reference_trial_told(struct reference *reference, uint64_t key, enum refresh_claim_kind kind);
/* Does the token prove the key of a trial? It does, and is not adopted. */
bool reference_proves(const struct reference *reference, uint64_t key, const struct refresh_claim *claim,
                      uint64_t now_usec);
void reference_proven(struct reference *reference, uint64_t key, const struct refresh_claim *claim,
                      uint64_t now_usec);
/* A report, or a demand, was accepted. */
void reference_store_wished(struct reference *reference, enum refresh_reason reason, uint32_t min_ttl_sec,
                            uint64_t now_usec);
/* NULL, or the rule that is against asking the store before this exchange. */
const char *reference_may_claim(const struct reference *reference, enum refresh_share share,
                                uint64_t now_usec);
/* By when the exchange must be although the store is against it; 0: it is not. */
uint64_t reference_put_off_by(const struct reference *reference, bool demand, uint64_t now_usec);
/* There is a store, and so good a token that a failure is not pressing. */
bool reference_calm(const struct reference *reference, uint64_t now_usec);
/* Was it found when the own time of its life had begun, so that an exchange is due? */
bool reference_found_late(const struct reference *reference);
/* There is a token, it lives, and it was not reported. */
bool reference_good(const struct reference *reference, uint64_t now_usec);

/* ---- what is right ---- */

const struct reference_exchange *reference_latest(const struct reference *reference);

/* NULL, or the rule that is against an exchange now. share: the one it is taken from. */
const char *reference_may(const struct reference *reference, uint64_t key, enum refresh_reason reason,
                          enum refresh_share share, uint64_t now_usec);

/* By when an exchange must have been sent, if nothing else happens: it is not later than that. USEC_NEVER:
 * nothing has to be. */
uint64_t reference_must(const struct reference *reference, uint64_t now_usec);

/* The moment when the budget has room for this share: exact. */
uint64_t reference_free_usec(const struct reference *reference, enum refresh_share share);
unsigned reference_sent_last_hour(const struct reference *reference, uint64_t now_usec);

/* Has the schedule failed since the latest grant? */
bool reference_in_trouble(const struct reference *reference);

/* Has each key been answered 401, and has there been nothing else for an hour by then: no other answer, no
 * file that was written, no operator? */
bool reference_patient_at(const struct reference *reference, uint64_t usec);

/* When the ordinary exchange is due: between these two, limits aside. */
void reference_need_due(const struct reference *reference, uint64_t *ret_from_usec, uint64_t *ret_by_usec);

/* From when on nothing of this stands against an exchange, at the latest: floor, budget, the URL's patience,
 * and the patience of each key. USEC_NEVER: there is no key. */
uint64_t reference_limited_by(const struct reference *reference, enum refresh_share share);

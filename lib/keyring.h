/* The access keys of one environment as the refresh machine sees them: names, and what is known of each,
 * never a secret.
 *
 * Keys are known, not believed. A key is *untried* until the upstream has said something about it, *good*
 * once it obtained a token, *refused* once the upstream said so. When the file of a good key changes, the
 * new key stands in front of the old one, and the old one is *kept* until the new one has obtained a token,
 * so that a typing error in a file costs nothing.
 *
 * A *trial* is an exchange that a key is to have for its own sake, so that it is known before it is needed.
 *
 * A *trouble* is the time from the first failure until the next grant. The answer to each key in it is
 * remembered here, as only the comparison of keys tells whose fault a failure is. */
#pragma once

#include "lib/names.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Good keys that were not used for so long take their turn at an ordinary refresh; refused ones are tried.
 */
#define KEY_PROOF_AGE_USEC (UINT64_C(24) * 3600 * 1000000)

enum key_standing {
        KEY_UNTRIED,
        KEY_GOOD,
        KEY_REFUSED,
        _KEY_STANDING_COUNT,
};

/* Why a key is refused. */
enum key_cause {
        KEY_NOT_REFUSED,
        KEY_UNAUTHORIZED, /* it was answered 401 */
        KEY_OUTDONE,      /* it was answered something else that was no grant, and another key was granted */
        KEY_OF_OTHER_ACCOUNT, /* it works, but for another account than the environment's */
        _KEY_CAUSE_COUNT,
};

/* The state of a key; all zero for one that is new. */
struct key_knowledge {
        enum key_standing standing;
        enum key_cause cause;
        uint64_t seen_usec; /* when that was seen last; 0: never */
};

/* A key as the keeper names it. The serial is never 0, a new one for every new content of a file, and
 * never moves to another label. */
struct key_name {
        uint64_t serial;
        bool rewritten; /* same content, but the file was written again: somebody wants it tried */
        char label[KEY_LABEL_MAX + 1];
        struct key_knowledge
                known; /* by an earlier process; counts for a serial that is new to the keyring */
};

/* The answer to a key in this trouble. */
enum key_heard {
        KEY_NOT_ASKED,
        KEY_UNHEARD, /* a failure that says nothing of the key */
        KEY_FAILED,  /* a failure that may be the key's */
        _KEY_HEARD_COUNT,
};

struct key_state {
        uint64_t serial;
        char label[KEY_LABEL_MAX + 1];
        struct key_knowledge known;
        bool kept;           /* its file now holds another key, which has not obtained a token yet */
        uint64_t trial_usec; /* it is to be tried, not before; USEC_NEVER: it is not */
        bool trial_stands;   /* it was wished after the latest exchange with this key was sent, whose answer
                                is older than the wish */
        unsigned n_trials;   /* in a row, that said nothing of it */
        uint64_t held_usec;  /* not before: the upstream asked for patience with this key, or it has used its
                                budget up elsewhere */
        uint64_t cool_usec;  /* others tried it in vain just now, and look again then */
        uint64_t put_off_usec; /* likewise, for a trial alone */
        enum key_heard heard;
        uint64_t failed_usec; /* of KEY_FAILED: when such an answer came last */
        uint64_t asked;       /* the number of the latest exchange with it; 0: there was none */
        bool asked_around;    /* in the round that is under way, see keyring_next_around() */
};

struct keyring {
        struct key_state keys[2 * KEYS_PER_ENVIRONMENT_MAX]; /* in the order in which they are tried */
        size_t n;
        uint64_t asked_serial; /* the key of the latest exchange */
        uint64_t n_asked;      /* how many exchanges there were */
};

/* Takes over what the key files hold now: at most KEYS_PER_ENVIRONMENT_MAX names, in name order. Keys that
 * are new, or untried, or written again, are to have their trial from trial_usec on. */
void keyring_update(struct keyring *keyring, const struct key_name *names, size_t n, uint64_t trial_usec);

/* NULL: there is none of this serial. */
const struct key_state *keyring_find(const struct keyring *keyring, uint64_t serial);

/* The key for an ordinary exchange; NULL: none may be used at this moment. Without trouble: the first good
 * one, or one whose proof is old. Then, also in trouble, the first untried one that was not asked in it.
 * Then the one that was asked the longest time ago; refused ones are passed over if pass_over and a good one
 * did not fail in this trouble. */
const struct key_state *keyring_choose(const struct keyring *keyring, bool trouble, bool pass_over,
                                       uint64_t now_usec);

/* A round asks each key once. begin: none is asked yet, but for the one of the latest exchange if
 * `but_latest`. next: the key that is next, the one that was good last first; NULL: all were asked, or may
 * not be used. */
void keyring_begin_round(struct keyring *keyring, bool but_latest);
const struct key_state *keyring_next_around(const struct keyring *keyring, uint64_t now_usec);

/* The key whose trial is next, and may be used at *ret_usec; NULL: none is to be tried. */
const struct key_state *keyring_next_trial(const struct keyring *keyring, uint64_t *ret_usec);

/* The moment from which on one of the keys may be used: 0 if one is at any time, USEC_NEVER if there is no
 * key. */
uint64_t keyring_usable_usec(const struct keyring *keyring);

/* Have all of them been answered 401? False if there is no key. */
bool keyring_all_unauthorized(const struct keyring *keyring);

/* ---- what was seen. Serials that are not there (any more) are ignored ---- */

/* An exchange with this key begins; it was held back after all. */
void keyring_asked(struct keyring *keyring, uint64_t serial);
void keyring_not_asked(struct keyring *keyring, uint64_t serial);

/* It obtained a token: it is good, the one it replaces is let go, and the trouble is over. Keys that failed
 * in it are refused, if this one had not been asked before in it; else they are tried again now, as times
 * may have changed. Trials that waited for an answer of the upstream are due. */
void keyring_granted(struct keyring *keyring, uint64_t serial, uint64_t now_usec);

/* It has obtained a token elsewhere: it was good when that was issued. False if it has been seen since. */
bool keyring_proven(struct keyring *keyring, uint64_t serial, uint64_t issued_usec);

/* That token is in hand now, so this trouble is over. Trials that waited for a grant are due. */
void keyring_found(struct keyring *keyring, uint64_t serial, uint64_t issued_usec, uint64_t now_usec);

/* The upstream refused it. */
void keyring_refused(struct keyring *keyring, uint64_t serial, enum key_cause cause, uint64_t now_usec);

/* A failure that may be the key's, or says nothing of it. */
void keyring_failed(struct keyring *keyring, uint64_t serial, uint64_t now_usec);
void keyring_unheard(struct keyring *keyring, uint64_t serial);

/* The exchanges for trials' sake were inconclusive: if it is to be tried, then from then on. */
void keyring_postpone_trial(struct keyring *keyring, uint64_t serial, uint64_t until_usec);

/* An ordinary exchange said nothing of it: one that is untried is asked again by the next ones, and has its
 * trial at the next grant. */
void keyring_await_grant(struct keyring *keyring, uint64_t serial);

/* Not before. */
void keyring_hold(struct keyring *keyring, uint64_t serial, uint64_t until_usec);

/* Others tried it in vain: it is left to them until then. */
void keyring_cool(struct keyring *keyring, uint64_t serial, uint64_t until_usec);

/* Others are about to use it: its trial waits for them until then. */
void keyring_put_trial_off(struct keyring *keyring, uint64_t serial, uint64_t until_usec);

/* When one of those that may work is not left to others any more; in the past: one is not. USEC_NEVER: there
 * is none. */
uint64_t keyring_warm_usec(const struct keyring *keyring, uint64_t now_usec);

/* From now on none is left to others. */
void keyring_warm_up(struct keyring *keyring);

/* Of a copy: those that are left to others are held. */
void keyring_hold_cool(struct keyring *keyring, uint64_t now_usec);

/* Every refused key is to have its trial now. new_account: those of another account are untried again. */
void keyring_try_refused(struct keyring *keyring, bool new_account, uint64_t now_usec);

/* The Authorization header of a request: a local key, the opaque token of one, or anything
 * else.
 *
 * Looked at once per request, for every path below /{environment}/rest/v1/ (and for /v1/, where a local key
 * with `token = real` counts). A request with a local key has that key's rights and no others. */
#pragma once

#include "daemon/frontend/known/known.h"
#include "lib/wrong_secrets.h"

enum carried {
        CARRIED_NOTHING, /* there is no Authorization header */
        CARRIED_OTHER,   /* one of another kind, or an ID or a token that nobody here knows */
        CARRIED_LOCAL,   /* a local key or its opaque token, good for this environment and caller */
        CARRIED_REFUSED, /* wrong secret, expired, another caller's, another environment's */
        CARRIED_SLOW,    /* this user has sent too many wrong ones lately; nothing was looked at */
};

/* Texts are static. The key is lent by the settings in force: when others are, the request is looked at anew
 * (http_server_forget_environments() clears this). */
struct carried_key {
        enum carried kind;
        bool by_token;               /* CARRIED_LOCAL: it was the key's opaque token, not ID and secret */
        bool unknown_id;             /* CARRIED_REFUSED, CARRIED_SLOW: there is no local key of that ID */
        const struct local_key *key; /* CARRIED_LOCAL; CARRIED_REFUSED: whose it is, if that is certain */
        const uint8_t *secret_hash;  /* CARRIED_LOCAL: of the secret that it came with, or was made with */
        unsigned status;             /* CARRIED_REFUSED: 401; CARRIED_SLOW: 429 */
        const char *slug;            /* CARRIED_REFUSED, CARRIED_SLOW: for the EQP-Error header */
        const char *message;         /* likewise: the fault and its cure */
        uint32_t retry_after_sec;    /* CARRIED_SLOW */
};

/* Why a local key or its token was refused. */
enum local_refusal {
        LOCAL_REFUSAL_SECRET, /* also of an ID that there is not */
        LOCAL_REFUSAL_TOKEN,  /* an opaque token that is none, or none any more */
        LOCAL_REFUSAL_ENVIRONMENT,
        LOCAL_REFUSAL_CALLER,
        LOCAL_REFUSAL_EXPIRED, /* the key */
        LOCAL_REFUSAL_SLOW,
        _LOCAL_REFUSAL_COUNT,
};

/* A word for metrics. */
const char *local_refusal_name(enum local_refusal refusal);

/* The history of local keys so far. */
struct local_key_count {
        char name[LOCAL_KEY_NAME_MAX + 1];
        uint64_t n_tokens;  /* given out for it */
        uint64_t last_usec; /* CLOCK_BOOTTIME, of the last request that it, or its token, was good for; 0:
                               none */
};

/* Zeroed: nothing. */
struct local_keys {
        struct wrong_secrets wrong;
        uint64_t n_refused[_LOCAL_REFUSAL_COUNT];
        struct local_key_count *counts; /* of the settings' keys, in their order */
        size_t n_counts;
        uint64_t generation; /* of the settings that they are in the order of; 0: of none */
};

/* When, and by whom. */
struct local_look {
        const struct caller_identity *caller;
        uint64_t now_usec; /* CLOCK_BOOTTIME */
        int64_t now_sec;   /* the wall clock */
        bool must;         /* nothing but a local key will do: an ID that is unknown is a wrong one */
};

/* Looks at the value of an Authorization header (NULL: there is none) of a request that concerns this
 * environment (-1: none, then any key's will do). Counts what it refuses. -ENOMEM. */
int local_keys_look(struct local_keys *keys, const struct known *known, int environment,
                    const char *authorization, const struct local_look *look, struct carried_key *ret);

/* A token was given out for this key of the settings in force. */
void local_keys_count_token(struct local_keys *keys, const struct known *known, const struct local_key *key);

/* The counts, in the order of the settings' keys; NULL: there are none, or no memory. */
const struct local_key_count *local_keys_counts(struct local_keys *keys, const struct known *known);

/* Does an ID look like one of ours, so that it may be one that was mistyped, or was removed? */
bool local_keys_resemble(const struct known *known, const char *id);

void local_keys_clear(struct local_keys *keys);

/* What a request carries in its Authorization header: a local key, the opaque token of one, or anything else.
 *
 * Looked at once per request, for every path below /{environment}/rest/v1/ (and for /v1/, where a local key
 * with `token = real` counts). Whoever carries a local key has that key's rights and no others. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct local_key;

enum carried {
        CARRIED_NOTHING, /* there is no Authorization header */
        CARRIED_OTHER,   /* one of another kind, or an ID or a token that nobody here knows */
        CARRIED_LOCAL,   /* a local key or its opaque token, good for this environment and caller */
        CARRIED_REFUSED, /* wrong secret, expired, another caller's, another environment's */
        CARRIED_SLOW,    /* this user has sent too many wrong ones lately; nothing was looked at */
};

/* Texts are static. The key is lent by the settings in force: when others are, the request is looked at anew
 * (request_forget_environment() clears this). */
struct carried_key {
        enum carried kind;
        bool by_token;               /* CARRIED_LOCAL: it was the key's opaque token, not ID and secret */
        const struct local_key *key; /* CARRIED_LOCAL; CARRIED_REFUSED: whose it is, if that is certain */
        unsigned status;             /* CARRIED_REFUSED: 401; CARRIED_SLOW: 429 */
        const char *slug;            /* CARRIED_REFUSED, CARRIED_SLOW: for the EQP-Error header */
        const char *message;         /* likewise: what is wrong, and what to do */
        uint32_t retry_after_sec;    /* CARRIED_SLOW */
};

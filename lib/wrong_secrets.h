/* Users that send wrong secrets: each may send some at once, then one per time. A guesser gets nowhere; a
 * user who has mistyped is not locked out for long. Of a bounded size: beyond it, the one that is
 * nearest to be forgotten is. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define WRONG_SECRETS_USERS 256
#define WRONG_SECRETS_BURST 10
#define WRONG_SECRETS_USEC  UINT64_C(6000000) /* one per this time, once those are used up */

/* Zeroed: nobody has sent any. */
struct wrong_secrets {
        struct {
                uid_t uid;
                uint64_t good_usec; /* then all is forgiven; in the past: the slot is free */
        } users[WRONG_SECRETS_USERS];
};

/* Is this user to be refused unheard? Then *ret_until_usec is when it is heard again. */
bool wrong_secrets_too_many(const struct wrong_secrets *wrong, uid_t uid, uint64_t now_usec,
                            uint64_t *ret_until_usec);

/* This user has sent one. */
void wrong_secrets_note(struct wrong_secrets *wrong, uid_t uid, uint64_t now_usec);

/* Callers whose 401s say nothing of the token for a while: one was refused with a new token as well, so it
 * was not the token's fault. Bounded: where there are too many, the oldest counts again. Pure. */
#pragma once

#include "lib/names.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define MUTES_MAX  64
#define MUTES_USEC (15 * 60 * UINT64_C(1000000))

/* Zeroed: none is mute. */
struct mutes {
        struct mute {
                uint64_t until_usec;
                uid_t uid;
                char environment[ENVIRONMENT_NAME_MAX + 1];
                char local[LOCAL_KEY_NAME_MAX + 1]; /* "": no local key */
        } mutes[MUTES_MAX];
};

void mutes_add(struct mutes *mutes, const char *environment, uid_t uid, const char *local,
               uint64_t now_usec);
bool mutes_has(const struct mutes *mutes, const char *environment, uid_t uid, const char *local,
               uint64_t now_usec);

/* Work that takes long on the loop, and that anybody may cause by asking: spaced out. A user's turns are a
 * tenth of a second apart, and between any two of them the loop is left seven times as long as the first
 * took. Time is an argument. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#define SPACED_TURNS_USER_USEC UINT64_C(100000)
#define SPACED_TURNS_REST      7
#define SPACED_TURNS_USERS     32 /* whose last turn is remembered; a user that is forgotten may come sooner */

/* Zeroed: nobody had one. */
struct spaced_turns {
        uint64_t free_usec;
        struct {
                uid_t uid;
                uint64_t again_usec; /* 0: a free place */
        } users[SPACED_TURNS_USERS];
};

/* When it may be this user's turn: now_usec, or later, and then to be asked again. */
uint64_t spaced_turns_next(const struct spaced_turns *turns, uid_t uid, uint64_t now_usec);

/* This user had its turn, which took so long until now. */
void spaced_turns_taken(struct spaced_turns *turns, uid_t uid, uint64_t took_usec, uint64_t now_usec);

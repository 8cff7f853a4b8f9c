/* Two libmicrohttpds: one whose connections have little memory, for most, and one whose connections have
 * more, for those that requests of the EQP API come by: their bodies come in larger pieces, and their heads
 * may be longer. Which one a connection gets is found out as it is taken in, and stays. */
#pragma once

#include "daemon/frontend/http/mhd_loop.h"

#include <sys/types.h>

#define MHD_LOOPS_USERS 64

/* Zeroed, then mhd_loops_init(). */
struct mhd_loops {
        struct mhd_loop *narrow, *wide;
        bool passes_on; /* requests are passed on at all; else none is wide */
        struct {
                bool known;
                uid_t uid;
        } users[MHD_LOOPS_USERS]; /* those who sent such requests lately */
};

/* Each as mhd_loop_new(). */
int mhd_loops_init(struct mhd_loops *loops, sd_event *event, unsigned room,
                   const struct mhd_callbacks *callbacks);
void mhd_loops_clear(struct mhd_loops *loops);

/* The one for a new connection, of this user if that is known: by what it has sent so far, if that is the
 * beginning of a request; else by what its user sent before. */
struct mhd_loop *mhd_loops_choose(const struct mhd_loops *loops, int fd, bool known, uid_t uid);

/* This user sends requests that are passed on. */
void mhd_loops_note(struct mhd_loops *loops, uid_t uid);

void mhd_loops_take_turn(struct mhd_loops *loops);
void mhd_loops_wake(struct mhd_loops *loops);

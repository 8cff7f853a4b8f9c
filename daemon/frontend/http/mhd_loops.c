/* Two libmicrohttpds. */
#include "daemon/frontend/http/mhd_loops.h"

#include "lib/route.h"
#include "lib/util.h"

#include <sys/socket.h>

/* For libmicrohttpd, which clears one and a half times as much with each request. Heads of 4 KiB fit in; the
 * answer to larger ones is 431. Less would be no faster: see doc/internals/speed.md. */
#define NARROW_MEMORY 6144
/* As much as one packet of a lane takes, and a head. */
#define WIDE_MEMORY (32 * 1024)

int mhd_loops_init(struct mhd_loops *loops, sd_event *event, unsigned room,
                   const struct mhd_callbacks *callbacks)
{
        int r = mhd_loop_new(&loops->narrow, event, room, NARROW_MEMORY, callbacks);

        return r < 0 ? r : mhd_loop_new(&loops->wide, event, room, WIDE_MEMORY, callbacks);
}

void mhd_loops_clear(struct mhd_loops *loops)
{
        loops->narrow = mhd_loop_free(loops->narrow);
        loops->wide = mhd_loop_free(loops->wide);
}

/* Is it the beginning of a request of the EQP API? */
static bool speaks_upstream(const char *bytes)
{
        const char *target = strchr(bytes, ' ');

        return target && route_speaks_upstream(target + 1);
}

struct mhd_loop *mhd_loops_choose(const struct mhd_loops *loops, int fd, bool known, uid_t uid)
{
        char bytes[128];

        if (!loops->passes_on) {
                return loops->narrow;
        }
        ssize_t n = recv(fd, bytes, sizeof(bytes) - 1, MSG_PEEK | MSG_DONTWAIT);
        if (n > 0) {
                bytes[n] = '\0';
                return speaks_upstream(bytes) ? loops->wide : loops->narrow;
        }
        const typeof(loops->users[0]) *user = &loops->users[uid % MHD_LOOPS_USERS];
        return known && user->known && user->uid == uid ? loops->wide : loops->narrow;
}

void mhd_loops_note(struct mhd_loops *loops, uid_t uid)
{
        loops->users[uid % MHD_LOOPS_USERS] = (typeof(loops->users[0])){ .known = true, .uid = uid };
}

void mhd_loops_take_turn(struct mhd_loops *loops)
{
        mhd_loop_take_turn(loops->narrow);
        mhd_loop_take_turn(loops->wide);
}

void mhd_loops_wake(struct mhd_loops *loops)
{
        mhd_loop_wake(loops->narrow);
        mhd_loop_wake(loops->wide);
}

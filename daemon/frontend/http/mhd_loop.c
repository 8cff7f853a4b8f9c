/* libmicrohttpd as a guest of the sd-event loop.
 *
 * Its epoll descriptor is one I/O source; a "more to do" source runs it again when it says so or when a
 * suspended connection was resumed. Its own time-outs are off: its "time-out" is either "at once" or
 * nothing. */
#include "daemon/frontend/http/mhd_loop.h"

#include "daemon/base/clock.h"
#include "daemon/base/timer.h"
#include "lib/util.h"

#include <errno.h>
#include <sys/epoll.h>

#define ROUNDS_MAX 4 /* in one turn: there are others to be served */

struct mhd_loop {
        struct MHD_Daemon *mhd;
        sd_event_source *io, *more;
        size_t memory;     /* of each connection */
        uint64_t now_usec; /* of this turn of the loop */
        void (*after_turn)(void *userdata);
        void *userdata;
};

void mhd_loop_wake(struct mhd_loop *loop)
{
        (void)sd_event_source_set_enabled(loop->more, SD_EVENT_ONESHOT);
}

/* A connection takes libmicrohttpd several rounds to a request, as to a piece of a body. For each that is a
 * turn of its own, the loop asks the kernel once more. */
void mhd_loop_take_turn(struct mhd_loop *loop)
{
        MHD_UNSIGNED_LONG_LONG timeout_ms;
        bool more = true;

        (void)sd_event_source_set_enabled(loop->more, SD_EVENT_OFF); /* this is it */
        for (int i = 0; i < ROUNDS_MAX && more; i++) {
                loop->now_usec = clock_now_usec();
                (void)MHD_run(loop->mhd);
                more = MHD_get_timeout(loop->mhd, &timeout_ms) == MHD_YES && timeout_ms == 0;
        }
        if (more) {
                mhd_loop_wake(loop); /* once all others had their turn */
        }
        loop->after_turn(loop->userdata);
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        mhd_loop_take_turn(userdata);
        return 0;
}

static int on_more(sd_event_source *source, void *userdata)
{
        mhd_loop_take_turn(userdata);
        return 0;
}

bool mhd_loop_add(struct mhd_loop *loop, int fd)
{
        if (MHD_add_connection(loop->mhd, fd, NULL, 0) != MHD_YES) {
                return false;
        }
        mhd_loop_wake(loop);
        return true;
}

void mhd_loop_resume(struct mhd_loop *loop, struct MHD_Connection *connection)
{
        MHD_resume_connection(connection);
        mhd_loop_wake(loop);
}

size_t mhd_loop_memory(const struct mhd_loop *loop)
{
        return loop->memory;
}

uint64_t mhd_loop_now_usec(const struct mhd_loop *loop)
{
        return loop->now_usec;
}

/* ---- life ---- */

static void ignore_log(void *userdata, const char *format, va_list arguments)
{
        /* libmicrohttpd tells of clients' nonsense, with its bytes: nothing for a log. */
}

/* "Turbo" reads a new connection at once, before it asks epoll, and closes without shutdown(). */
static int start(struct mhd_loop *loop, unsigned room, const struct mhd_callbacks *callbacks)
{
        void *userdata = callbacks->userdata;

        loop->mhd = MHD_start_daemon(
                MHD_USE_EPOLL | MHD_USE_TURBO | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME, 0, NULL,
                NULL, callbacks->on_access, userdata, MHD_OPTION_EXTERNAL_LOGGER, ignore_log, NULL,
                MHD_OPTION_CONNECTION_LIMIT, room, MHD_OPTION_CONNECTION_MEMORY_LIMIT, loop->memory,
                MHD_OPTION_CONNECTION_TIMEOUT, 0u, MHD_OPTION_STRICT_FOR_CLIENT, 1,
                MHD_OPTION_URI_LOG_CALLBACK, callbacks->on_target, userdata, MHD_OPTION_NOTIFY_COMPLETED,
                callbacks->on_completed, userdata, MHD_OPTION_NOTIFY_CONNECTION, callbacks->on_connection,
                userdata, MHD_OPTION_END);
        return loop->mhd ? 0 : -EIO;
}

static int add_sources(struct mhd_loop *loop, sd_event *event)
{
        const union MHD_DaemonInfo *info = MHD_get_daemon_info(loop->mhd, MHD_DAEMON_INFO_EPOLL_FD);

        if (!info || info->epoll_fd < 0) {
                return -EIO;
        }
        int r = sd_event_add_io(event, &loop->io, info->epoll_fd, EPOLLIN, on_io, loop);
        if (r < 0) {
                return r;
        }
        (void)sd_event_source_set_description(loop->io, "http");
        r = turn_new(&loop->more, event, on_more, loop, "http more");
        if (r < 0) {
                return r;
        }
        /* To sd-event a deferred source is the one that waits longest, always: with the same priority it
         * would come before new connections, timers and signals for as long as clients keep it busy. */
        return sd_event_source_set_priority(loop->more, SD_EVENT_PRIORITY_NORMAL + 1);
}

static void free_loop(struct mhd_loop **loop)
{
        *loop = mhd_loop_free(*loop);
}

int mhd_loop_new(struct mhd_loop **ret, sd_event *event, unsigned room, size_t memory,
                 const struct mhd_callbacks *callbacks)
{
        _cleanup_(free_loop) struct mhd_loop *loop = calloc(1, sizeof(*loop));
        if (!loop) {
                return -ENOMEM;
        }
        loop->memory = memory;
        loop->after_turn = callbacks->after_turn;
        loop->userdata = callbacks->userdata;
        int r = start(loop, room, callbacks);
        if (r < 0) {
                return r;
        }
        r = add_sources(loop, event);
        if (r < 0) {
                return r;
        }
        *ret = take_ptr(loop);
        return 0;
}

struct mhd_loop *mhd_loop_free(struct mhd_loop *loop)
{
        if (loop) {
                if (loop->mhd) {
                        MHD_stop_daemon(loop->mhd);
                }
                sd_event_source_disable_unref(loop->io);
                sd_event_source_disable_unref(loop->more);
                free(loop);
        }
        return NULL;
}

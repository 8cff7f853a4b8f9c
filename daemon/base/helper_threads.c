/* Work that may block, in threads of its own; see the header. */
#include "daemon/base/helper_threads.h"

#include "daemon/base/clock.h"
#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <unistd.h>

struct helper_threads {
        sd_event_source *io;
        int pipe[2];
        unsigned n_under_way;
        void *userdata;
};

static void *thread_main(void *userdata)
{
        struct helper_task *task = userdata;

        task->work(task);
        /* An address fits a pipe's atomic write. With nobody there to read it the daemon is ending, or has
         * no use for it any more. */
        if (write(task->reply_fd, &task, sizeof(task)) != (ssize_t)sizeof(task)) {
                task->drop(task);
        }
        return NULL;
}

static void take_reply(struct helper_threads *threads, uint64_t now_usec)
{
        struct helper_task *task;

        if (read(threads->pipe[0], &task, sizeof(task)) == (ssize_t)sizeof(task)) {
                threads->n_under_way--;
                task->done(task, now_usec, threads->userdata);
        }
}

static int on_reply(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        uint64_t now_usec = 0;

        (void)sd_event_now(sd_event_source_get_event(source), CLOCK_BOOTTIME, &now_usec);
        take_reply(userdata, now_usec);
        return 0;
}

void helper_threads_wait(struct helper_threads *threads, uint64_t wait_usec)
{
        struct pollfd waiting = { .fd = threads->pipe[0], .events = POLLIN };

        if (poll(&waiting, 1, (int)(MIN_OF(wait_usec, USEC_PER_MIN) / USEC_PER_MSEC) + 1) > 0) {
                take_reply(threads, clock_now_usec());
        }
}

int helper_threads_start(struct helper_threads *threads, struct helper_task *task)
{
        pthread_attr_t attributes;
        pthread_t thread;

        task->reply_fd = threads->pipe[1];
        int error = pthread_attr_init(&attributes);
        if (error) {
                return -error;
        }
        error = pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        if (!error) {
                error = pthread_create(&thread, &attributes, thread_main, task);
        }
        (void)pthread_attr_destroy(&attributes);
        if (!error) {
                threads->n_under_way++;
        }
        return -error;
}

static void free_threads(struct helper_threads **threads)
{
        *threads = helper_threads_free(*threads);
}

int helper_threads_new(struct helper_threads **ret, sd_event *event, const char *name, void *userdata)
{
        _cleanup_(free_threads) struct helper_threads *threads = calloc(1, sizeof(*threads));
        if (!threads) {
                return -ENOMEM;
        }
        threads->userdata = userdata;
        threads->pipe[0] = threads->pipe[1] = -1;
        if (pipe2(threads->pipe, O_CLOEXEC | O_NONBLOCK) < 0) {
                return -errno;
        }
        int r = sd_event_add_io(event, &threads->io, threads->pipe[0], EPOLLIN, on_reply, threads);
        if (r < 0) {
                return r;
        }
        (void)sd_event_source_set_description(threads->io, name);
        *ret = take_ptr(threads);
        return 0;
}

/* A result that is in the pipe already has nobody else to free it. */
static void drop_unread(struct helper_threads *threads)
{
        struct helper_task *task;

        while (read(threads->pipe[0], &task, sizeof(task)) == (ssize_t)sizeof(task)) {
                threads->n_under_way--;
                task->drop(task);
        }
}

struct helper_threads *helper_threads_free(struct helper_threads *threads)
{
        if (!threads) {
                return NULL;
        }
        sd_event_source_disable_unref(threads->io);
        if (threads->pipe[0] >= 0) {
                drop_unread(threads);
                (void)close(threads->pipe[0]);
                /* The writing end is left open while threads may still write: its number must not be anybody
                 * else's. */
                if (threads->n_under_way == 0) {
                        (void)close(threads->pipe[1]);
                }
        }
        free(threads);
        return NULL;
}

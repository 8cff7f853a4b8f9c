/* One epoll inside another: the outer one, of sd-event, finds the inner one readable while any of its
 * descriptors is ready. */
#include "daemon/base/nest.h"

#include "lib/util.h"

#include <errno.h>

/* In one turn: there are others to be served. */
#define BATCH      32
#define ROUNDS_MAX 4

struct nest {
        int fd;
        sd_event_source *source;
        struct epoll_event batch[BATCH];
        int n; /* of the batch that is under way; 0: none is */
};

/* Returns whether there is something that could be written to. */
static bool tell_batch(struct nest *nest)
{
        bool room = false;
        int n = epoll_wait(nest->fd, nest->batch, BATCH, 0);

        nest->n = n > 0 ? n : 0;
        for (int i = 0; i < nest->n; i++) {
                struct nested *nested = nest->batch[i].data.ptr;
                if (nested) {
                        nest->batch[i].data.ptr = NULL;
                        room = room || nest->batch[i].events == EPOLLOUT;
                        nested->on_ready(nested, nest->batch[i].events);
                }
        }
        nest->n = 0;
        return room;
}

/* A descriptor that takes a piece most likely takes the next one as well. For each that is a turn of its
 * own, the outer loop asks the kernel once more. */
static int on_source(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        for (int i = 0; i < ROUNDS_MAX && tell_batch(userdata); i++) {
        }
        return 0;
}

static void free_nest(struct nest **nest)
{
        *nest = nest_free(*nest);
}

int nest_new(struct nest **ret, sd_event *event, const char *name)
{
        _cleanup_(free_nest) struct nest *nest = calloc(1, sizeof(*nest));

        if (!nest) {
                return -ENOMEM;
        }
        nest->fd = epoll_create1(EPOLL_CLOEXEC);
        if (nest->fd < 0) {
                return -errno;
        }
        int r = sd_event_add_io(event, &nest->source, nest->fd, EPOLLIN, on_source, nest);
        if (r < 0) {
                return r;
        }
        (void)sd_event_source_set_description(nest->source, name);
        *ret = take_ptr(nest);
        return 0;
}

struct nest *nest_free(struct nest *nest)
{
        if (nest) {
                sd_event_source_disable_unref(nest->source);
                close_fd(&nest->fd);
                free(nest);
        }
        return NULL;
}

int nest_add(struct nest *nest, struct nested *nested, int fd, uint32_t events,
             void (*on_ready)(struct nested *nested, uint32_t events))
{
        struct epoll_event event = { .events = events, .data.ptr = nested };

        if (epoll_ctl(nest->fd, EPOLL_CTL_ADD, fd, &event) < 0) {
                return -errno;
        }
        *nested = (struct nested){ nest, fd, events, on_ready };
        return 0;
}

void nested_want(struct nested *nested, uint32_t events)
{
        struct epoll_event event = { .events = events, .data.ptr = nested };

        if (nested->nest && nested->events != events &&
            epoll_ctl(nested->nest->fd, EPOLL_CTL_MOD, nested->fd, &event) == 0) {
                nested->events = events;
        }
}

void nested_remove(struct nested *nested)
{
        struct nest *nest = nested->nest;

        if (!nest) {
                return;
        }
        (void)epoll_ctl(nest->fd, EPOLL_CTL_DEL, nested->fd, NULL);
        for (int i = 0; i < nest->n; i++) {
                if (nest->batch[i].data.ptr == nested) {
                        nest->batch[i].data.ptr = NULL;
                }
        }
        nested->nest = NULL;
}

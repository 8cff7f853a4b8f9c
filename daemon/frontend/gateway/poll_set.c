/* Sockets behind one epoll of their own. */
#include "daemon/frontend/gateway/poll_set.h"

#include "lib/util.h"

#include <sys/epoll.h>

#define AT_A_TIME 64

struct poll_set {
        int fd;
        sd_event_source *source;
        void (*after)(void *userdata);
        void *userdata;
        struct epoll_event events[AT_A_TIME];
        int n; /* of them, while they are told */
};

static int on_news(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        struct poll_set *set = userdata;

        set->n = epoll_wait(set->fd, set->events, AT_A_TIME, 0);
        for (int i = 0; i < set->n; i++) {
                struct poll_member *member = set->events[i].data.ptr;
                if (member) { /* else it was removed by one before it */
                        member->on_events(member, set->events[i].events);
                }
        }
        set->n = 0;
        if (set->after) {
                set->after(set->userdata);
        }
        return 0;
}

void poll_set_after(struct poll_set *set, void (*after)(void *userdata), void *userdata)
{
        set->after = after;
        set->userdata = userdata;
}

int poll_set_new(struct poll_set **ret, sd_event *event)
{
        _cleanup_free_ struct poll_set *set = calloc(1, sizeof(*set));

        if (!set) {
                return -ENOMEM;
        }
        set->fd = epoll_create1(EPOLL_CLOEXEC);
        if (set->fd < 0) {
                return -errno;
        }
        int r = sd_event_add_io(event, &set->source, set->fd, EPOLLIN, on_news, set);
        if (r < 0) {
                (void)close(set->fd);
                return r;
        }
        (void)sd_event_source_set_description(set->source, "lanes");
        *ret = take_ptr(set);
        return 0;
}

struct poll_set *poll_set_free(struct poll_set *set)
{
        if (set) {
                sd_event_source_disable_unref(set->source);
                (void)close(set->fd);
                free(set);
        }
        return NULL;
}

static int control(struct poll_set *set, struct poll_member *member, int operation, uint32_t events)
{
        struct epoll_event event = { .events = events | EPOLLET, .data.ptr = member };

        return epoll_ctl(set->fd, operation, member->fd, &event) < 0 ? -errno : 0;
}

int poll_set_add(struct poll_set *set, struct poll_member *member, int fd, uint32_t events)
{
        member->fd = fd;
        int r = control(set, member, EPOLL_CTL_ADD, events);
        if (r >= 0) {
                member->set = set;
        }
        return r;
}

int poll_set_change(struct poll_member *member, uint32_t events)
{
        return control(member->set, member, EPOLL_CTL_MOD, events);
}

void poll_set_remove(struct poll_member *member)
{
        struct poll_set *set = take_ptr(member->set);

        if (!set) {
                return;
        }
        (void)control(set, member, EPOLL_CTL_DEL, 0);
        for (int i = 0; i < set->n; i++) {
                if (set->events[i].data.ptr == member) {
                        set->events[i].data.ptr = NULL;
                }
        }
}

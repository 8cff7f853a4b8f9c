/* The end of clients. */
#include "daemon/frontend/gateway/client_end.h"

#include "lib/util.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

struct watch {
        struct connection_guest guest;
        struct poll_member member;
        void (*on_end)(void *userdata); /* NULL: nobody wants to hear of it */
        void *userdata;
        bool missed; /* it came while nobody did */
};

static void on_events(struct poll_member *member, uint32_t events)
{
        struct watch *watch = container_of(member, struct watch, member);
        void (*on_end)(void *) = take_ptr(watch->on_end);

        watch->missed = !on_end;
        if (on_end) {
                on_end(watch->userdata);
        }
}

static void end(struct connection_guest *guest)
{
        struct watch *watch = container_of(guest, struct watch, guest);

        poll_set_remove(&watch->member);
        free(watch);
}

static int begin(struct poll_set *set, struct connection *connection)
{
        struct watch *watch = calloc(1, sizeof(*watch));

        if (!watch) {
                return -ENOMEM;
        }
        watch->guest.on_end = end;
        watch->member.on_events = on_events;
        int r = poll_set_add(set, &watch->member, connection->fd, EPOLLRDHUP);
        if (r < 0) {
                free(watch);
                return r;
        }
        connection->guest = &watch->guest;
        return 0;
}

static struct watch *watch_of(const struct connection *connection)
{
        return connection->guest ? container_of(connection->guest, struct watch, guest) : NULL;
}

int client_end_watch(struct poll_set *set, struct connection *connection, void (*on_end)(void *userdata),
                     void *userdata)
{
        int r = connection->guest ? 0 : begin(set, connection);

        if (r < 0) {
                return r;
        }
        struct watch *watch = watch_of(connection);
        watch->on_end = on_end;
        watch->userdata = userdata;
        if (!watch->missed) {
                return 0;
        }
        watch->missed = false;
        return poll_set_change(&watch->member, EPOLLRDHUP); /* after a change it is told once more */
}

void client_end_forget(const struct connection *connection)
{
        struct watch *watch = watch_of(connection);

        if (watch) {
                watch->on_end = NULL;
        }
}

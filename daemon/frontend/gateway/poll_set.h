/* Sockets behind one epoll of their own, which is one source to the loop: sd-event asks the kernel anew
 * before each source, and here many come at a time. Edge-triggered: a member is told once of each news. */
#pragma once

#include <stdint.h>
#include <systemd/sd-event.h>

struct poll_set;

/* Embedded; zeroed: it is in no set. */
struct poll_member {
        void (*on_events)(struct poll_member *member, uint32_t events);
        struct poll_set *set;
        int fd;
};

/* To be made before the process confines itself: no epoll is made later. Negative errno. */
int poll_set_new(struct poll_set **ret, sd_event *event);
/* To be called after members were told: for what is better done once for all of them. */
void poll_set_after(struct poll_set *set, void (*after)(void *userdata), void *userdata);
/* There must be no member any more. NULL is fine; returns NULL. */
struct poll_set *poll_set_free(struct poll_set *set);

/* events: of epoll(7). Negative errno. */
int poll_set_add(struct poll_set *set, struct poll_member *member, int fd, uint32_t events);
int poll_set_change(struct poll_member *member, uint32_t events);

/* Before its descriptor is closed. Harmless for one that is in no set. */
void poll_set_remove(struct poll_member *member);

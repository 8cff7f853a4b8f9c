/* Many descriptors behind one epoll of their own, which the loop sees as a single source.
 *
 * sd-event asks the kernel again before each source that it calls; a nest asks once for all that are ready.
 * For where many descriptors are ready at a time, or one of them again and again. */
#pragma once

#include <stdint.h>
#include <sys/epoll.h>
#include <systemd/sd-event.h>

struct nest;

/* Embedded in the object that watches; zeroed: in no nest. */
struct nested {
        struct nest *nest;
        int fd;
        uint32_t events;
        void (*on_ready)(struct nested *nested, uint32_t events); /* it may remove any of them */
};

/* name: for the event loop's messages. Negative errno. */
int nest_new(struct nest **ret, sd_event *event, const char *name);

/* All must have been removed before. Not from within on_ready. NULL is fine; returns NULL. */
struct nest *nest_free(struct nest *nest);

/* events: of epoll; a hang-up is reported in any case. fd stays the caller's, and has to be removed before
 * it is closed. Negative errno. */
int nest_add(struct nest *nest, struct nested *nested, int fd, uint32_t events,
             void (*on_ready)(struct nested *nested, uint32_t events));

/* Watches for these from now on. Costs nothing if they are the same as before. */
void nested_want(struct nested *nested, uint32_t events);

/* on_ready will not be called any more. Harmless for one that is in no nest. */
void nested_remove(struct nested *nested);

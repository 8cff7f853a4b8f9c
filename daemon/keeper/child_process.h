/* A child as a process, the frontend or the forwarder: started, asked whether it is well, and started anew
 * when it is not.
 *
 * A hang is noticed without a wake-up while idle: code that sees that the child has something to do asks, by
 * child_process_ask(). Two questions without an answer, and it is replaced. One that ends at once again and
 * again is held back, with growing pauses. */
#pragma once

#include "lib/message.h"

#include <signal.h>
#include <systemd/sd-event.h>

struct child_process;

/* The differences between children; all texts are static. */
struct child_kind {
        const char *name;   /* "frontend" */
        const char *option; /* by which the program becomes it, "--frontend" */
        const char *event;  /* the event of its ends, of daemon/base/events.h */
        const char *lost;   /* the cost of one: "requests that it was answering are lost" */
        int (*check)(const void *bytes, size_t length); /* of what it sends, see lib/message.h */
};

struct child_process_handlers {
        void (*on_start)(void *userdata); /* it has begun, and knows nothing: tell it all */
        void (*on_message)(int type, const void *message,
                           void *userdata); /* a sound one; see lib/message.h */
        void (*on_answer)(void *userdata);  /* it is up, or has answered: let the next arrival ask again */
        void (*on_change)(void *userdata);  /* it is up, has ended, is held back, or no more */
        void (*on_drained)(void *userdata); /* after child_process_drain(): it has ended */
        void *userdata;
};

/* Starts none yet. kind stays the caller's. ours: the limits of this process, to be shown. Negative errno.
 */
int child_process_new(struct child_process **ret, sd_event *event, const struct child_kind *kind,
                      const struct confinement *ours, const struct child_process_handlers *handlers);
/* Ends it at once. NULL is fine; returns NULL. */
struct child_process *child_process_free(struct child_process *process);

/* There is to be one from now on: starts it; if that fails, tries again later. One that drains comes to its
 * end first. No more than that if there is to be one already. */
void child_process_start(struct child_process *process);

/* There is to be none any more: it is to bring to an end what it has begun, and to end. Then, or if there is
 * none, on_drained is called, perhaps at once; but not if one has been started until then. */
void child_process_drain(struct child_process *process);

/* Sends it a message, and with it a copy of the descriptor fd (-1: none). If there is no process, nothing:
 * the next one is told all. One that has not read for so long that there is no room is replaced. */
void child_process_send(struct child_process *process, const void *message, size_t length, int fd);

/* The same, for a message without which the process can go on: -ETOOMANYREFS (see channel_send()), and it is
 * not replaced for that, unless the message had to wait for room; the caller tries again. */
int child_process_try(struct child_process *process, const void *message, size_t length, int fd);

/* So many bytes are a part of what is to be told that has no other bound than the configuration: there is to
 * be room for them beside the rest. */
void child_process_expect(struct child_process *process, size_t size);

/* Its news cannot be made into a message (error: negative errno): it is ended, and the next one
 * is told. */
void child_process_replace(struct child_process *process, int error);

/* It has done what no sound one does (fault: static, behind "the forwarder"): it is ended, and replaced. */
void child_process_distrust(struct child_process *process, const char *fault);

/* It has something to do: is it at work? */
void child_process_ask(struct child_process *process);

/* Has it left no question unanswered for longer than it takes to replace it? */
bool child_process_is_well(const struct child_process *process);

/* Is there one that can be told something, and is to go on? It may not have confined itself yet. */
bool child_process_is_there(const struct child_process *process);

/* Its state, to be shown. */
struct child_process_view {
        bool wanted;
        bool running;                   /* it has confined itself */
        bool held_back;                 /* it keeps ending at once */
        uint64_t n_ended;               /* without having been asked to, since the start of the service */
        struct confinement confinement; /* all zero while there is none */
};
void child_process_look(const struct child_process *process, struct child_process_view *ret);

/* A child of ours has ended. */
void child_process_on_child(struct child_process *process, pid_t pid, int status);

/* The frontend as a process: started, asked whether it is well, and started anew when it is not.
 *
 * A hang is noticed without a wake-up while idle: whoever sees that the frontend has something to do asks,
 * by frontend_process_ask(). Two questions without an answer, and it is replaced. One that ends at once
 * again and again is held back, with growing pauses. */
#pragma once

#include "lib/message.h"

#include <signal.h>
#include <systemd/sd-event.h>

struct frontend_process;

struct frontend_process_handlers {
        void (*on_start)(void *userdata); /* it has begun, and knows nothing: tell it all */
        void (*on_message)(int type, const void *message,
                           void *userdata); /* a sound one; see lib/message.h */
        void (*on_answer)(void *userdata);  /* it is up, or has answered: let the next arrival ask again */
        void (*on_held_back)(bool held_back,
                             void *userdata); /* it keeps ending at once, or has begun again */
        void (*on_drained)(void *userdata);   /* after frontend_process_drain(): it has ended */
        void *userdata;
};

/* Starts none yet. ours: what confines this process, to be shown. Negative errno. */
int frontend_process_new(struct frontend_process **ret, sd_event *event, const struct confinement *ours,
                         const struct frontend_process_handlers *handlers);
/* Ends it at once. NULL is fine; returns NULL. */
struct frontend_process *frontend_process_free(struct frontend_process *process);

/* Starts it; if that fails, tries again later. */
void frontend_process_start(struct frontend_process *process);

/* Sends it a message, and with it a copy of the descriptor fd (-1: none). If there is no process, nothing:
 * the next one is told all. One that has not read for so long that there is no room is replaced. */
void frontend_process_send(struct frontend_process *process, const void *message, size_t length, int fd);

/* What it has to know cannot be made into a message (error: negative errno): it is ended, and the next one
 * is told. */
void frontend_process_replace(struct frontend_process *process, int error);

/* It has something to do: is it at work? */
void frontend_process_ask(struct frontend_process *process);

/* Has it left no question unanswered for longer than it takes to replace it? */
bool frontend_process_is_well(const struct frontend_process *process);

/* Does it keep ending at once? */
bool frontend_process_is_held_back(const struct frontend_process *process);

/* What confines it; all zero while there is none. */
const struct confinement *frontend_process_confinement(const struct frontend_process *process);

/* A child of ours has ended. */
void frontend_process_on_child(struct frontend_process *process, pid_t pid, int status);

/* It is to answer what was accepted, and to end. Then, or if there is none, on_drained is called, perhaps at
 * once. */
void frontend_process_drain(struct frontend_process *process);

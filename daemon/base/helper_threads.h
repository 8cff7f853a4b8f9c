/* Work that may block, in threads of its own: the one thing that does not run on the loop.
 *
 * A task is one allocation that travels: the loop makes it, a thread works on it and sends its address back
 * through a pipe, the loop takes it over again. Nothing is shared meanwhile, so there is no lock. */
#pragma once

#include <stdint.h>
#include <systemd/sd-event.h>

/* Embedded in the task, as its first member: its address is the task's. */
struct helper_task {
        void (*work)(struct helper_task *task); /* in the thread; touches nothing but the task */
        /* On the loop, once, when the work is done; takes the task over. */
        void (*done)(struct helper_task *task, uint64_t now_usec, void *userdata);
        void (*drop)(struct helper_task *task); /* frees it, in the thread: nobody waits for it any more */
        int reply_fd;
};

struct helper_threads;

/* userdata: for helper_task.done; name: for the event loop's messages, static. Negative errno. */
int helper_threads_new(struct helper_threads **ret, sd_event *event, const char *name, void *userdata);

/* Tasks under way are left to end by themselves, and dropped. NULL is fine; returns NULL. */
struct helper_threads *helper_threads_free(struct helper_threads *threads);

/* Starts a thread for the task, with work, done and drop set. Negative errno: the task stays the caller's.
 */
int helper_threads_start(struct helper_threads *threads, struct helper_task *task);

/* Where the loop itself has to wait for a task: until one ends, whose done is called, so long at most. */
void helper_threads_wait(struct helper_threads *threads, uint64_t wait_usec);

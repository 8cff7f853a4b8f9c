/* A list of those who wait for something, told once when it may have come. */
#pragma once

/* Embedded in the waiting object; zeroed it waits for nothing. */
struct waiter {
        struct waiter *next, **link; // waiters::first; link is NULL while it does not wait
        void (*on_news)(struct waiter *waiter);
};

struct waiters {
        struct waiter *first;
};

/* Waits for the next waiters_tell(), and for nothing else any more. */
void waiters_add(struct waiters *waiters, struct waiter *waiter);

/* Harmless for one that does not wait. */
void waiter_cancel(struct waiter *waiter);

/* Calls on_news of each, after taking it off the list: a waiter that needs more news adds itself again. */
void waiters_tell(struct waiters *waiters);

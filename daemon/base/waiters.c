/* A list of those who wait for something. */
#include "daemon/base/waiters.h"

#include <stddef.h>

void waiters_add(struct waiters *waiters, struct waiter *waiter)
{
        waiter_cancel(waiter);
        waiter->next = waiters->first;
        waiter->link = &waiters->first;
        if (waiter->next) {
                waiter->next->link = &waiter->next;
        }
        waiters->first = waiter;
}

void waiter_cancel(struct waiter *waiter)
{
        if (waiter->link) {
                *waiter->link = waiter->next;
                if (waiter->next) {
                        waiter->next->link = waiter->link;
                }
                waiter->link = NULL;
                waiter->next = NULL;
        }
}

void waiters_tell(struct waiters *waiters)
{
        /* The list is taken away first, so that a waiter that adds itself again is not called twice. */
        struct waiters told = { .first = waiters->first };

        waiters->first = NULL;
        if (told.first) {
                told.first->link = &told.first;
        }
        while (told.first) {
                struct waiter *waiter = told.first;
                waiter_cancel(waiter);
                waiter->on_news(waiter);
        }
}

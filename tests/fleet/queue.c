/* A queue of what comes next. */
#include "tests/fleet/queue.h"

#include "lib/util.h"

#include <errno.h>

int queue_init(struct queue *queue, uint32_t n)
{
        *queue = (struct queue){ .n = n,
                                 .heap = calloc(n, sizeof(queue->heap[0])),
                                 .place = calloc(n, sizeof(queue->place[0])),
                                 .time_usec = calloc(n, sizeof(queue->time_usec[0])) };
        if (!queue->heap || !queue->place || !queue->time_usec) {
                queue_clear(queue);
                return -ENOMEM;
        }
        for (uint32_t i = 0; i < n; i++) {
                queue->heap[i] = queue->place[i] = i;
                queue->time_usec[i] = USEC_NEVER;
        }
        return 0;
}

void queue_clear(struct queue *queue)
{
        free(queue->heap);
        free(queue->place);
        free(queue->time_usec);
        *queue = (struct queue){ 0 };
}

static uint64_t time_at(const struct queue *queue, size_t place)
{
        return queue->time_usec[queue->heap[place]];
}

static void swap(struct queue *queue, size_t a, size_t b)
{
        uint32_t broker = queue->heap[a];

        queue->heap[a] = queue->heap[b];
        queue->heap[b] = broker;
        queue->place[queue->heap[a]] = (uint32_t)a;
        queue->place[queue->heap[b]] = (uint32_t)b;
}

void queue_set(struct queue *queue, uint32_t broker, uint64_t time_usec)
{
        size_t at = queue->place[broker];

        queue->time_usec[broker] = time_usec;
        while (at > 0 && time_at(queue, at) < time_at(queue, (at - 1) / 2)) {
                swap(queue, at, (at - 1) / 2);
                at = (at - 1) / 2;
        }
        for (;;) {
                size_t child = 2 * at + 1;
                if (child + 1 < queue->n && time_at(queue, child + 1) < time_at(queue, child)) {
                        child++;
                }
                if (child >= queue->n || time_at(queue, at) <= time_at(queue, child)) {
                        break;
                }
                swap(queue, at, child);
                at = child;
        }
}

uint32_t queue_first(const struct queue *queue)
{
        return queue->heap[0];
}

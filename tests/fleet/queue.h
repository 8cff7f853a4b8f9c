/* A queue of what comes next: one moment per broker, the earliest first. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct queue {
        size_t n;
        uint32_t *heap;  /* brokers, a binary heap by time */
        uint32_t *place; /* where in the heap each broker is */
        uint64_t *time_usec;
};

/* Everybody is in it, at USEC_NEVER. -ENOMEM. */
int queue_init(struct queue *queue, uint32_t n);
void queue_clear(struct queue *queue);

/* The broker's moment is this now. */
void queue_set(struct queue *queue, uint32_t broker, uint64_t time_usec);

/* Whose moment is the earliest? */
uint32_t queue_first(const struct queue *queue);

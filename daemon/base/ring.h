/* Rings: objects that stand in a row, any of which may step out at any time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Embedded in an object, zeroed: it stands nowhere. By itself, after ring_init(): a row of them, which must
 * not be moved in memory. */
struct ring {
        struct ring *next, *previous;
};

/* Nobody stands in it. */
static inline void ring_init(struct ring *ring)
{
        ring->next = ring->previous = ring;
}

static inline bool ring_is_empty(const struct ring *ring)
{
        return ring->next == ring;
}

/* The one that has stood there longest; NULL: nobody does. */
static inline struct ring *ring_first(struct ring *ring)
{
        return ring_is_empty(ring) ? NULL : ring->next;
}

/* The one that came after this one; NULL: it is the last. */
static inline struct ring *ring_after(const struct ring *ring, const struct ring *member)
{
        return member->next == ring ? NULL : member->next;
}

/* Leaves where it stands. Harmless for one that stands nowhere. */
static inline void ring_remove(struct ring *member)
{
        if (member->next) {
                member->next->previous = member->previous;
                member->previous->next = member->next;
                member->next = member->previous = NULL;
        }
}

/* Stands at the end of this one from now on, and nowhere else. */
static inline void ring_add_last(struct ring *ring, struct ring *member)
{
        ring_remove(member);
        member->next = ring;
        member->previous = ring->previous;
        member->previous->next = member;
        ring->previous = member;
}

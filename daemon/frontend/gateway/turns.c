/* Which request may use a lane next. */
#include "daemon/frontend/gateway/turns.h"

#include "lib/util.h"

#include <assert.h>

struct turn_owner {
        struct ring ring; /* turns::owners */
        uid_t uid;
        char local[LOCAL_KEY_NAME_MAX + 1];
        struct ring waiting; /* its turns, the oldest first */
        unsigned n;          /* those that use a lane */
};

void turns_init(struct turns *turns)
{
        *turns = (struct turns){ 0 };
        ring_init(&turns->owners);
}

static struct turn_owner *find(struct turns *turns, uid_t uid, const char *local)
{
        for (struct ring *at = ring_first(&turns->owners); at; at = ring_after(&turns->owners, at)) {
                struct turn_owner *owner = container_of(at, struct turn_owner, ring);
                if (owner->uid == uid && streq(owner->local, local)) {
                        return owner;
                }
        }
        struct turn_owner *owner = calloc(1, sizeof(*owner));
        if (owner) {
                owner->uid = uid;
                memcpy(owner->local, local, MIN_OF(strlen(local), sizeof(owner->local) - 1));
                ring_init(&owner->waiting);
                ring_add_last(&turns->owners, &owner->ring);
        }
        return owner;
}

static bool has_room(const struct turns *turns, const struct turn_owner *owner)
{
        return turns->n < turns->max && owner->n < TURNS_EACH_MAX;
}

static void give(struct turns *turns, struct turn *turn)
{
        turn->has = true;
        turn->owner->n++;
        turns->n++;
}

int turns_enter(struct turns *turns, struct turn *turn, uid_t uid, const char *local)
{
        assert(!turn->owner);
        turn->owner = find(turns, uid, local);
        if (!turn->owner) {
                return -ENOMEM;
        }
        /* Where there is room in all, only those wait whose own is used up. */
        if (has_room(turns, turn->owner) && ring_is_empty(&turn->owner->waiting)) {
                give(turns, turn);
        } else {
                ring_add_last(&turn->owner->waiting, &turn->ring);
                turns->n_waiting++;
        }
        return 0;
}

void turns_leave(struct turns *turns, struct turn *turn)
{
        struct turn_owner *owner = take_ptr(turn->owner);

        if (!owner) {
                return;
        }
        if (turn->has) {
                turn->has = false;
                owner->n--;
                turns->n--;
        } else {
                ring_remove(&turn->ring);
                turns->n_waiting--;
        }
        if (owner->n == 0 && ring_is_empty(&owner->waiting)) {
                ring_remove(&owner->ring);
                free(owner);
        }
}

struct turn *turns_next(struct turns *turns)
{
        for (struct ring *at = ring_first(&turns->owners); at; at = ring_after(&turns->owners, at)) {
                struct turn_owner *owner = container_of(at, struct turn_owner, ring);
                struct ring *first = ring_first(&owner->waiting);
                if (first && has_room(turns, owner)) {
                        struct turn *turn = container_of(first, struct turn, ring);
                        ring_remove(&turn->ring);
                        turns->n_waiting--;
                        give(turns, turn);
                        ring_add_last(&turns->owners, &owner->ring); /* the others come first now */
                        return turn;
                }
        }
        return NULL;
}

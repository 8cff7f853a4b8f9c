/* The units of control groups. A place that waits for its answer is not given to another one, nor is that of
 * a unit that a rule names, so that strangers do not push out units; but for those of a user with many. */
#include "daemon/frontend/known/known_units.h"

#include "lib/util.h"

#include <errno.h>

/* Forgets answers that are too old, and questions as old, which nobody waits for any more: callers wait less
 * long. */
static void tidy(struct known_units *units, uint64_t now_usec)
{
        for (size_t i = 0; i < KNOWN_UNITS_MAX; i++) {
                struct known_unit *unit = &units->list[i];
                if (now_usec >= unit->until_usec && !unit->waiters.first) {
                        unit->state = KNOWN_UNIT_FREE;
                }
        }
}

static struct known_unit *find(struct known_units *units, uint64_t cgroup)
{
        for (size_t i = 0; i < KNOWN_UNITS_MAX; i++) {
                if (units->list[i].state != KNOWN_UNIT_FREE && units->list[i].cgroup == cgroup) {
                        return &units->list[i];
                }
        }
        return NULL;
}

static bool is_named(const struct known_unit *unit)
{
        return unit->state == KNOWN_UNIT_TOLD && *unit->name;
}

/* Of a user whose units have many control groups. */
static bool has_many(const struct known_units *units, uid_t uid)
{
        size_t n = 0;

        for (size_t i = 0; i < KNOWN_UNITS_MAX; i++) {
                n += is_named(&units->list[i]) && units->list[i].uid == uid;
        }
        return n > KNOWN_UNITS_OF_USER;
}

static bool may_go(const struct known_units *units, const struct known_unit *unit)
{
        return unit->state != KNOWN_UNIT_ASKED && (!is_named(unit) || has_many(units, unit->uid));
}

/* The less, the sooner it is given away. */
static uint64_t worth(const struct known_unit *unit)
{
        return unit->state == KNOWN_UNIT_FREE ? 0 : unit->until_usec + (*unit->name ? USEC_PER_HOUR : 0);
}

/* NULL: none may go. */
static struct known_unit *find_place(struct known_units *units)
{
        struct known_unit *best = NULL;

        for (size_t i = 0; i < KNOWN_UNITS_MAX; i++) {
                struct known_unit *unit = &units->list[i];
                if (may_go(units, unit) && (!best || worth(unit) < worth(best))) {
                        best = unit;
                }
        }
        return best;
}

static size_t count_asked(const struct known_units *units, uid_t uid)
{
        size_t n = 0;

        for (size_t i = 0; i < KNOWN_UNITS_MAX; i++) {
                n += units->list[i].state == KNOWN_UNIT_ASKED && units->list[i].uid == uid;
        }
        return n;
}

int known_units_find(struct known_units *units, uint64_t cgroup, uid_t uid, uint64_t now_usec,
                     struct waiter *waiter, char ret[static UNIT_NAME_MAX + 1])
{
        tidy(units, now_usec);
        struct known_unit *unit = find(units, cgroup);
        if (unit && unit->state == KNOWN_UNIT_TOLD) {
                memcpy(ret, unit->name, sizeof(unit->name));
                return 0;
        }
        if (!unit) {
                unit = count_asked(units, uid) < KNOWN_UNITS_OF_USER ? find_place(units) : NULL;
                if (!unit) {
                        return -EBUSY;
                }
                *unit = (struct known_unit){ .state = KNOWN_UNIT_ASKED,
                                             .uid = uid,
                                             .cgroup = cgroup,
                                             .until_usec = now_usec + KNOWN_UNITS_LOST_USEC };
                units->sides->ask->unit(units->sides->keeper, cgroup);
        }
        waiters_add(&unit->waiters, waiter);
        return -EAGAIN;
}

void known_units_take(struct known_units *units, uint64_t cgroup, const char *name, uint64_t now_usec)
{
        struct known_unit *unit = find(units, cgroup);
        size_t length = strlen(name);

        if (unit && unit->state == KNOWN_UNIT_ASKED && length < sizeof(unit->name)) {
                unit->state = KNOWN_UNIT_TOLD;
                unit->until_usec = now_usec + KNOWN_UNITS_KEPT_USEC;
                memcpy(unit->name, name, length + 1);
                waiters_tell(&unit->waiters);
        }
}

void known_units_forget(struct known_units *units)
{
        for (size_t i = 0; i < KNOWN_UNITS_MAX; i++) {
                if (units->list[i].state == KNOWN_UNIT_TOLD) {
                        units->list[i].state = KNOWN_UNIT_FREE;
                }
        }
}

void known_units_clear(struct known_units *units)
{
        for (size_t i = 0; i < KNOWN_UNITS_MAX; i++) {
                while (units->list[i].waiters.first) {
                        waiter_cancel(units->list[i].waiters.first);
                }
                units->list[i].state = KNOWN_UNIT_FREE;
        }
}

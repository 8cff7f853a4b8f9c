/* The units of control groups, which callers on a unix socket are in: the keeper is asked for them,
 * remembered for a minute. A control group is a unit's for as long as it exists, and its number is never
 * used again: so a unit that is started anew has another one, and what was told is never wrong. Only units
 * that rules name are of interest. */
#pragma once

#include "daemon/base/sides.h"
#include "daemon/base/waiters.h"
#include "lib/unit_name.h"

#define KNOWN_UNITS_MAX       UNIT_QUESTIONS_MAX
#define KNOWN_UNITS_KEPT_USEC UINT64_C(60000000)
#define KNOWN_UNITS_LOST_USEC UINT64_C(10000000) /* asked so long ago, the answer is not waited for */
/* Questions at a time that callers of one user cause: anybody may have control groups. */
#define KNOWN_UNITS_OF_USER 8

enum known_unit_state {
        KNOWN_UNIT_FREE,
        KNOWN_UNIT_ASKED,
        KNOWN_UNIT_TOLD,
};

/* Zeroed, with the sides: none is known. */
struct known_units {
        struct sides *sides;
        struct known_unit {
                enum known_unit_state state;
                uid_t uid; /* for whose caller it was asked for */
                uint64_t cgroup;
                uint64_t until_usec;    /* then it is forgotten */
                struct waiters waiters; /* of KNOWN_UNIT_ASKED */
                char name[UNIT_NAME_MAX + 1];
        } list[KNOWN_UNITS_MAX];
};

/* The unit that has this control group, in which there is a caller of this user: 0, "" if there is none.
 * -EAGAIN: the keeper is asked, and the waiter told. -EBUSY: so much has been asked for this user that it is
 * to be tried again a little later. */
int known_units_find(struct known_units *units, uint64_t cgroup, uid_t uid, uint64_t now_usec,
                     struct waiter *waiter, char ret[static UNIT_NAME_MAX + 1]);

/* The keeper's answer. */
void known_units_take(struct known_units *units, uint64_t cgroup, const char *name, uint64_t now_usec);

/* Other rules may name other units: the answers so far are forgotten. */
void known_units_forget(struct known_units *units);

/* Nobody waits any more. */
void known_units_clear(struct known_units *units);

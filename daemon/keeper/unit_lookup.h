/* Which units have the control groups that callers are in: looked for in the tree of control groups, which
 * is in the kernel's memory, so that no thread is needed. Questions that come close together are answered by
 * one walk, and after each there is a pause, so that no caller can keep the keeper walking. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#define UNIT_LOOKUP_PAUSE 20 /* times what the walk took */

struct unit_lookup;

/* Does a rule name this unit? */
typedef bool (*unit_lookup_names_fn)(const char *unit, void *userdata);
/* "": none has it that a rule names. */
typedef void (*unit_lookup_told_fn)(uint64_t cgroup, const char *unit, void *userdata);

/* Negative errno. */
int unit_lookup_new(struct unit_lookup **ret, sd_event *event, unit_lookup_names_fn names,
                    unit_lookup_told_fn told, void *userdata);
/* NULL is fine; returns NULL. */
struct unit_lookup *unit_lookup_free(struct unit_lookup *lookup);

/* The told function follows, unless more than UNIT_QUESTIONS_MAX are looked for. */
void unit_lookup_begin(struct unit_lookup *lookup, uint64_t cgroup, uint64_t now_usec);

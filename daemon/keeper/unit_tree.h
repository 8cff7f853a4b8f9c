/* The tree of control groups as the service manager makes it: slices hold slices and units, and everything
 * below a unit is the unit's, made by itself. Only the system's units are found: groups below user.slice, or
 * below a scope, are not theirs. */
#pragma once

#include "lib/unit_name.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Folders that one walk opens at most, and of them below one unit: the rest is not found. */
#define UNIT_TREE_FOLDERS_MAX 512
#define UNIT_TREE_BELOW_MAX   64

/* A control group, and the unit that has it: "" until that is found. */
struct unit_tree_wanted {
        uint64_t cgroup;
        char unit[UNIT_NAME_MAX + 1];
};

/* Is this unit of interest? */
typedef bool (*unit_tree_names_fn)(const char *unit, void *userdata);

/* The root of control groups of version 2: a descriptor. Negative errno. */
int unit_tree_open(void);

/* Looks for units of interest that have these control groups. Slices that do not belong to `owner` are
 * passed by: that is root, as others must not name units. */
void unit_tree_find(int root_fd, uid_t owner, unit_tree_names_fn names, void *userdata,
                    struct unit_tree_wanted *wanted, size_t n_wanted);

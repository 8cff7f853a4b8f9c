/* Which units have the control groups that callers are in. */
#include "daemon/keeper/unit_lookup.h"

#include "daemon/base/clock.h"
#include "daemon/base/sides.h"
#include "daemon/base/timer.h"
#include "daemon/keeper/unit_tree.h"
#include "lib/util.h"

#include <errno.h>

struct unit_lookup {
        unit_lookup_names_fn names;
        unit_lookup_told_fn told;
        void *userdata;
        sd_event_source *walk;
        uint64_t not_before_usec;
        struct unit_tree_wanted wanted[UNIT_QUESTIONS_MAX];
        size_t n_wanted;
};

static int on_walk(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct unit_lookup *lookup = userdata;
        uint64_t begun_usec = clock_now_usec();
        _cleanup_close_ int root = unit_tree_open();
        size_t n = lookup->n_wanted;

        if (root >= 0) {
                unit_tree_find(root, /* owner= */ 0, lookup->names, lookup->userdata, lookup->wanted, n);
        }
        uint64_t now_usec = clock_now_usec();
        lookup->not_before_usec = now_usec + UNIT_LOOKUP_PAUSE * usec_sub(now_usec, begun_usec);
        lookup->n_wanted = 0;
        for (size_t i = 0; i < n; i++) {
                lookup->told(lookup->wanted[i].cgroup, lookup->wanted[i].unit, lookup->userdata);
        }
        return 0;
}

void unit_lookup_begin(struct unit_lookup *lookup, uint64_t cgroup, uint64_t now_usec)
{
        for (size_t i = 0; i < lookup->n_wanted; i++) {
                if (lookup->wanted[i].cgroup == cgroup) {
                        return;
                }
        }
        if (lookup->n_wanted == ARRAY_SIZE(lookup->wanted)) {
                return;
        }
        lookup->wanted[lookup->n_wanted++] = (struct unit_tree_wanted){ .cgroup = cgroup };
        if (lookup->n_wanted == 1) {
                timer_start_at(lookup->walk, MAX_OF(now_usec, lookup->not_before_usec));
        }
}

int unit_lookup_new(struct unit_lookup **ret, sd_event *event, unit_lookup_names_fn names,
                    unit_lookup_told_fn told, void *userdata)
{
        struct unit_lookup *lookup = calloc(1, sizeof(*lookup));
        int r = lookup ? timer_new(&lookup->walk, event, CLOCK_BOOTTIME, on_walk, lookup, "units of callers")
                       : -ENOMEM;

        if (r < 0) {
                free(lookup);
                return r;
        }
        lookup->names = names;
        lookup->told = told;
        lookup->userdata = userdata;
        *ret = lookup;
        return 0;
}

struct unit_lookup *unit_lookup_free(struct unit_lookup *lookup)
{
        if (lookup) {
                sd_event_source_disable_unref(lookup->walk);
                free(lookup);
        }
        return NULL;
}

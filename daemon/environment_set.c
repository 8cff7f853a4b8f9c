/* The environments that given settings want. */
#include "daemon/environment_set.h"

#include "lib/util.h"

static struct environment *find(struct environment *const *list, size_t n, const char *name)
{
        for (size_t i = 0; i < n; i++) {
                if (streq(list[i]->name, name)) {
                        return list[i];
                }
        }
        return NULL;
}

int environment_set_gather(struct environment_set *set, const struct settings *settings,
                           struct environment *const *there, size_t n_there, sd_event *event,
                           struct upstream *upstream, const struct environment_watcher *watcher)
{
        for (size_t i = 0; i < settings->n_environments; i++) {
                set->list[i] = find(there, n_there, settings->environments[i].name);
                if (!set->list[i]) {
                        int r = environment_new(&set->list[i], event, upstream, &settings->environments[i],
                                                watcher);
                        if (r < 0) {
                                environment_set_undo(set);
                                return r;
                        }
                        set->made[i] = true;
                }
                set->n++;
        }
        return 0;
}

void environment_set_undo(struct environment_set *set)
{
        for (size_t i = 0; i < set->n; i++) {
                if (set->made[i]) {
                        set->list[i] = environment_free(set->list[i]);
                }
        }
        set->n = 0;
}

bool environment_set_has(const struct environment_set *set, const struct environment *environment)
{
        for (size_t i = 0; i < set->n; i++) {
                if (set->list[i] == environment) {
                        return true;
                }
        }
        return false;
}

/* The environments of new settings, gathered beside those in use. */
#include "daemon/keeper/environments.h"

#include "lib/util.h"

static struct environment *find(const struct environment_list *used, const char *name)
{
        for (size_t i = 0; i < used->n; i++) {
                if (streq(used->list[i]->name, name)) {
                        return used->list[i];
                }
        }
        return NULL;
}

int new_environments_gather(struct new_environments *ret, const struct settings *settings,
                            const struct environment_list *used, sd_event *event, struct upstream *upstream,
                            const struct environment_watcher *watcher)
{
        struct new_environments gathered = { .n = settings->n_environments };

        for (size_t i = 0; i < gathered.n; i++) {
                const struct environment_settings *wanted = &settings->environments[i];
                gathered.list[i] = find(used, wanted->name);
                if (!gathered.list[i]) {
                        int r = environment_new(&gathered.list[i], event, upstream, wanted, watcher);
                        if (r < 0) {
                                new_environments_drop(&gathered);
                                return r;
                        }
                        gathered.made[i] = true;
                }
        }
        *ret = gathered;
        return 0;
}

void new_environments_drop(struct new_environments *environments)
{
        for (size_t i = 0; i < environments->n; i++) {
                if (environments->made[i]) {
                        environments->list[i] = environment_free(environments->list[i]);
                        environments->made[i] = false;
                }
        }
}

static bool has(const struct new_environments *environments, const struct environment *wanted)
{
        for (size_t i = 0; i < environments->n; i++) {
                if (environments->list[i] == wanted) {
                        return true;
                }
        }
        return false;
}

size_t new_environments_left_out(const struct new_environments *environments,
                                 const struct environment_list *used,
                                 struct environment *ret[static SETTINGS_ENVIRONMENTS_MAX])
{
        size_t n = 0;

        for (size_t i = 0; i < used->n; i++) {
                if (!has(environments, used->list[i])) {
                        ret[n++] = used->list[i];
                }
        }
        return n;
}

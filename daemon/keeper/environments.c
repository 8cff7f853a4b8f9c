/* The environments in use, and those of new settings. */
#include "daemon/keeper/environments.h"

#include "lib/util.h"

struct environment *environments_find(const struct environments *environments, const char *name)
{
        for (size_t i = 0; i < environments->n; i++) {
                if (streq(environments->list[i]->view.name, name)) {
                        return environments->list[i];
                }
        }
        return NULL;
}

int environments_gather(struct environments *ret, const struct settings *settings,
                        const struct environments *used, const struct environment_tools *tools,
                        const struct environment_watcher *watcher)
{
        struct environments gathered = { .n = 0 };

        for (size_t i = 0; i < settings->n_environments; i++) {
                const struct environment_settings *wanted = &settings->environments[i];
                struct environment *environment = environments_find(used, wanted->name);
                int r = environment ? 0 : environment_new(&environment, tools, wanted, watcher);
                if (r < 0) {
                        environments_free_others(&gathered, used);
                        return r;
                }
                gathered.list[gathered.n++] = environment;
        }
        *ret = gathered;
        return 0;
}

static bool has(const struct environments *environments, const struct environment *wanted)
{
        for (size_t i = 0; i < environments->n; i++) {
                if (environments->list[i] == wanted) {
                        return true;
                }
        }
        return false;
}

void environments_free_others(struct environments *environments, const struct environments *kept)
{
        for (size_t i = 0; i < environments->n; i++) {
                if (!has(kept, environments->list[i])) {
                        (void)environment_free(environments->list[i]);
                }
        }
        environments->n = 0;
}

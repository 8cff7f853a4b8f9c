/* The environments in use, in the order of the settings; and those of new settings, gathered beside them:
 * one that is in both stays the same object, with its token and its history. */
#pragma once

#include "daemon/keeper/environment.h"

struct environments {
        struct environment *list[SETTINGS_ENVIRONMENTS_MAX];
        size_t n;
};

/* NULL: there is none of this name. */
struct environment *environments_find(const struct environments *environments, const char *name);

/* The environments of new settings: those in use, and new ones where there are none of that name. Negative
 * errno: none was made. */
int environments_gather(struct environments *ret, const struct settings *settings,
                        const struct environments *used, const struct environment_tools *tools,
                        const struct environment_watcher *watcher);

/* Frees those of the list that the other one does not have, and empties it. */
void environments_free_others(struct environments *environments, const struct environments *kept);

/* The environments that given settings want: those that are there go on, the others are new. */
#pragma once

#include "daemon/environment.h"

struct environment_set {
        struct environment *list[SETTINGS_ENVIRONMENTS_MAX]; /* in the order of settings->environments */
        bool made[SETTINGS_ENVIRONMENTS_MAX];                /* this one is new */
        size_t n;
};

/* Zeroed before. there: the ones to go on with, where the settings want them. Negative errno: none is made.
 */
int environment_set_gather(struct environment_set *set, const struct settings *settings,
                           struct environment *const *there, size_t n_there, sd_event *event,
                           struct upstream *upstream, const struct environment_watcher *watcher);

/* Frees the new ones. */
void environment_set_undo(struct environment_set *set);

bool environment_set_has(const struct environment_set *set, const struct environment *environment);

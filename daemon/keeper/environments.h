/* The environments of new settings, gathered beside those in use: who is in both stays the same object, with
 * its token and its history. */
#pragma once

#include "daemon/keeper/environment.h"
#include "lib/settings.h"

#include <systemd/sd-event.h>

/* Those in use. */
struct environment_list {
        struct environment *const *list;
        size_t n;
};

struct new_environments {
        struct environment *list[SETTINGS_ENVIRONMENTS_MAX]; /* in the order of the settings */
        size_t n;
        bool made[SETTINGS_ENVIRONMENTS_MAX]; /* it is not in use yet */
};

/* Makes those that are missing. Negative errno: none was made. */
int new_environments_gather(struct new_environments *ret, const struct settings *settings,
                            const struct environment_list *used, sd_event *event, struct upstream *upstream,
                            const struct environment_watcher *watcher);

/* Frees those that were made: the settings are not taken after all. */
void new_environments_drop(struct new_environments *environments);

/* Those in use that the new settings do not have. Returns how many. */
size_t new_environments_left_out(const struct new_environments *environments,
                                 const struct environment_list *used,
                                 struct environment *ret[static SETTINGS_ENVIRONMENTS_MAX]);

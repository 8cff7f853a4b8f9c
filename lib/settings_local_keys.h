/* Inside settings: its local keys as a whole. */
#pragma once

#include "lib/settings.h"

/* Does each have what it needs, an environment that there is, and an ID of its own? -EINVAL with a message
 * "FILE:LINE: ...", -ENOMEM. */
int settings_finish_local_keys(const struct settings *settings,
                               char reterr_message[static SETTINGS_ERROR_MAX]);

/* Frees them; the settings are no good for anything but being freed then. */
void settings_clear_local_keys(struct settings *settings);

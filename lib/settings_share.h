/* Inside settings: [share] as a whole. */
#pragma once

#include "lib/settings.h"

/* Does it have what it needs? -EINVAL with a message "FILE:LINE: ...". */
int settings_finish_share(const struct settings *settings, char reterr_message[static SETTINGS_ERROR_MAX]);

/* Frees what is of it; the settings are no good for anything but being freed then. */
void settings_clear_share(struct settings *settings);

/* The configuration as files: the main one, then the drop-ins beside it. */
#pragma once

#include "lib/settings.h"

#define SETTINGS_FILE_DEFAULT "/etc/eqp-broker/eqp-brokerd.conf"

/* Does the environment name another main file than the default? */
bool settings_files_named(void);

/* Reads FILE, then FILE.d/'s *.conf in name order (by the default: eqp-brokerd.conf.d beside it).
 * The names in the rules are not looked up. path: NULL for $EQP_BROKER_CONFIG or the default place.
 * Only the default place may be missing. Negative errno: reterr_message says what, where, and what to do. */
int settings_files_read(const char *path, struct settings **ret,
                        char reterr_message[static SETTINGS_ERROR_MAX]);

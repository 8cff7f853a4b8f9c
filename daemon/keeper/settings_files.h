/* The configuration as files: the main one, then the drop-ins beside it. */
#pragma once

#include "lib/places.h"
#include "lib/settings.h"

/* Where settings come from, and their defaults. */
struct settings_source {
        const char *path;            /* the main file; NULL: $EQP_BROKER_CONFIG, or the default place */
        const struct places *places; /* the default place, and the defaults of settings */
};

/* Does the environment name another main file than the default? */
bool settings_files_named(void);

/* Reads FILE, then FILE.d/'s *.conf in name order (by the default: eqp-brokerd.conf.d beside it).
 * The names in the rules are not looked up. Only the default place may be missing. Negative errno:
 * reterr_message says what, where, and what to do. */
int settings_files_read(const struct settings_source *source, struct settings **ret,
                        char reterr_message[static SETTINGS_ERROR_MAX]);

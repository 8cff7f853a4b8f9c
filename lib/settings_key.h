/* Inside settings: one row per key, and the reading that the rows take part in. Only settings_key.c and
 * settings_read.c look here. */
#pragma once

#include "lib/settings.h"
#include "lib/util.h"

#define SETTINGS_KEYS 17

/* One file being read. */
struct settings_reading {
        struct settings *settings;
        const char *file_name;
        const char *next, *end; /* what of the text is still to be handed out */
        unsigned line;          /* the one handed out last, from 1 */
        bool in_section;
        struct environment_settings *environment; /* NULL: in [broker] */
        const char *key;                          /* whose value is being read */
        bool first;                               /* for the first time in this file */
        uint32_t seen_broker;                     /* keys that this file has set, a bit per row */
        uint32_t seen_environment[SETTINGS_ENVIRONMENTS_MAX];
        int result;    /* negative after an error, which ends the reading */
        char *message; /* SETTINGS_ERROR_MAX bytes */
};

/* A row: where a key may stand, and who checks its value and puts it into the settings. */
struct settings_key {
        const char *name;
        bool in_broker, in_environment;
        bool list; /* may be repeated; the first one in a file replaces what was there */
        int (*set)(struct settings_reading *r, const char *value);
};

extern const struct settings_key settings_keys[SETTINGS_KEYS];

/* Each writes the message "FILE:LINE: ..." and returns the reading's result, -EINVAL or -ENOMEM. */
_printf_(2, 3) int settings_fail(struct settings_reading *r, const char *format, ...);
int settings_fail_memory(struct settings_reading *r);
int settings_fail_value(struct settings_reading *r, const char *value, const char *why);

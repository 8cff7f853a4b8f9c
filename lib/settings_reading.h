/* Inside settings: a file that is being read, its faults, and the rows that take part in it: one for each
 * key of a kind of section. Only settings_*.c look here. */
#pragma once

#include "lib/settings.h"
#include "lib/util.h"

#define SETTINGS_PLACE_MAX GATEWAY_PLACE_MAX /* characters of "FILE:LINE" */

/* One file being read. */
struct settings_reading {
        struct settings *settings;
        const char *file_name;
        const char *next, *end; /* the part of the text that is still to be handed out */
        unsigned line;          /* the one handed out last, from 1 */

        /* The section that is open. */
        const struct settings_keys *keys;         /* NULL: none is yet */
        uint32_t *seen;                           /* which of them this file has set, a bit per row */
        struct environment_settings *environment; /* that it is about, if it is about one */
        struct local_key *local_key;              /* likewise */

        const char *key; /* whose value is being read */
        bool first;      /* for the first time in this file */
        uint32_t seen_broker, seen_share;
        uint32_t seen_environment[SETTINGS_ENVIRONMENTS_MAX];
        uint32_t seen_gateway[SETTINGS_ENVIRONMENTS_MAX];
        uint32_t *seen_local; /* as many as there were local keys when the latest of their sections began */
        size_t n_seen_local;
        int result;    /* negative after an error, which ends the reading */
        char *message; /* SETTINGS_ERROR_MAX bytes */
};

/* A row: the function that checks a value and puts it into the settings. */
struct settings_key {
        const char *name;
        bool list; /* may be repeated; the first one in a file replaces what was there */
        int (*set)(struct settings_reading *r, const char *value);
};

/* The rows of one kind of section, at most 32. */
struct settings_keys {
        const char *heading; /* "[environment NAME]" */
        const struct settings_key *list;
        size_t n;
};

/* Where the reading is: "FILE:LINE"; of a long name the end counts. Returns buffer. */
const char *settings_place(const struct settings_reading *r, char buffer[static SETTINGS_PLACE_MAX + 1]);

/* Is the word safe to show? Keys and secrets of the API have capitals or are longer. */
bool settings_is_showable(const char *word);

/* Each writes the message "FILE:LINE: ..." and returns the reading's result, -EINVAL or -ENOMEM. */
_printf_(2, 3) int settings_fail(struct settings_reading *r, const char *format, ...);
int settings_fail_memory(struct settings_reading *r);
int settings_fail_value(struct settings_reading *r, const char *value, const char *why);

/* The small words of scenario files: points in time, durations, and complaints that name file and line. */
#pragma once

#include "lib/util.h"

#include <stdbool.h>
#include <stdint.h>

/* The line being read, and where it is from. */
struct script {
        const char *file;
        unsigned line;
        char *rest; /* the rest of the line */
        bool failed;
};

/* Prints "file:line: message" and marks the script as failed. Returns false, so that it can be returned. */
bool complain(struct script *script, const char *format, ...) _printf_(2, 3);

/* The next word, or NULL at the end of the line (or clause). Commas end a word and are skipped. */
char *next_word(struct script *script);

/* The next word must be this one. */
bool demand_word(struct script *script, const char *word);

/* "90s", "250ms", "5m", "9h", "3d"; "0" is allowed without a unit. */
bool read_duration(struct script *script, const char *word, uint64_t *ret_usec);

/* "HH:MM:SS", with any number of hours, and an optional fraction "HH:MM:SS.mmm"; "+DURATION" counts from
 * base. */
bool read_time(struct script *script, const char *word, uint64_t base_usec, uint64_t *ret_usec);

bool read_number(struct script *script, const char *word, uint64_t *ret);

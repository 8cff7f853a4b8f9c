/* Files that give no key, and why: a list for each reading of the directory. Behind the upstream door. */
#pragma once

#include "lib/names.h"
#include "lib/util.h"

#define KEY_FILES_MAX       128 /* in the directory, of any kind */
#define KEY_FILE_REASON_MAX 256

struct key_refusal {
        char file[64];                              /* "." is the directory itself */
        char environment[ENVIRONMENT_NAME_MAX + 1]; /* "" if the name tells none */
        char reason[KEY_FILE_REASON_MAX];           /* with the cure; never any content */
        bool denied;                                /* for lack of a permission */
        bool passes; /* the cause goes away by itself, or is one that we only wait for */
};

struct key_refusals {
        struct key_refusal *list;
        size_t n;
};

/* Makes an empty list. -ENOMEM. */
int key_refusals_new(struct key_refusals *ret);
/* Frees it; a zeroed one is fine. */
void key_refusals_clear(struct key_refusals *refusals);

/* Adds a file with its reason, as for printf(3). What is too much for KEY_FILES_MAX is left out. */
void key_refusals_add(struct key_refusals *refusals, const char *file, const char *environment,
                      const char *format, ...) _printf_(4, 5);

/* Tells the journal what is refused now and was not refused in the same words before. */
void key_refusals_tell(const struct key_refusals *now, const struct key_refusals *before,
                       const char *directory);

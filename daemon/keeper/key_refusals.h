/* Files that give no key, and why: a list for each reading of the directory. */
#pragma once

#include "lib/keys_view.h"
#include "lib/util.h"

struct key_refusals {
        struct key_refusal *list;
        size_t n;
};

/* Makes an empty list. -ENOMEM. */
int key_refusals_new(struct key_refusals *ret);
/* Frees it; a zeroed one is fine. */
void key_refusals_clear(struct key_refusals *refusals);

/* Adds a file with its reason, as for printf(3). More than KEY_FILES_MAX are left out. */
void key_refusals_add(struct key_refusals *refusals, const char *file, const char *environment,
                      const char *format, ...) _printf_(4, 5);

/* Is there a file of this environment that gives no key, or could the directory not be read? */
bool key_refusals_concern(const struct key_refusals *refusals, const char *environment);

/* Tells the journal what is refused now and was not refused in the same words before. */
void key_refusals_tell(const struct key_refusals *now, const struct key_refusals *before,
                       const char *directory);

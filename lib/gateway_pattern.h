/* Patterns of paths: "/rest/v1/" and segments. "*" is one whole segment, "**" at the end any number of them,
 * "{mage_id}" the account's own. */
#pragma once

#include "lib/gateway_spelling.h"

#include <stdbool.h>
#include <stddef.h>

/* NULL, or what is wrong with this pattern and how to write it: a static text. */
const char *gateway_pattern_fault(const char *pattern);

/* Does this path fit, byte by byte? mage_id: NULL, then no segment is the account's own. */
bool gateway_pattern_fits(const char *pattern, const char *path, size_t length, const char *mage_id);

/* May what some upstream takes this reading of a path for fit? mage_id: NULL, then any segment may be the
 * account's own. */
bool gateway_pattern_may_fit(const char *pattern, const struct gateway_reading *reading,
                             const char *mage_id);

/* Does `wide` fit whatever path `narrow` fits? broad: as gateway_pattern_may_fit() does. In doubt it says
 * no.
 */
bool gateway_pattern_covers(const char *wide, bool broad, const char *narrow);

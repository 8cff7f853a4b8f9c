/* Local section: the section of a local key, as text. */
#pragma once

#include "ctl/options.h"
#include "lib/local_key.h"

struct local_section {
        const char *name, *environment, *id;
        const uint8_t *hash;
        const struct options *options; /* its rules, callers and end */
};

/* The caller's to free; NULL: no memory. */
char *local_section_format(const struct local_section *section, size_t *ret_length);

/* The same text with another secret, whose predecessor is good until then; all else stays as it stands.
 * NULL: no memory. *ret_found: it has a section of this name, with a secret. */
char *local_section_rotate(const char *text, const char *name, const uint8_t *hash, const uint8_t *old_hash,
                           int64_t old_until_sec, size_t *ret_length, bool *ret_found);

/* Are the rules and dates of the command line such as may stand there? Says on stderr what is wrong. */
bool local_section_check(const struct options *options);

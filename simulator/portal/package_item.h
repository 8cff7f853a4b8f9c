/* package_item: one item of a submission: what is wanted of which package, and what comes of it. */
#pragma once

#include <json-c/json.h>
#include <stdint.h>

#include "simulator/environment.h"

/* What comes of it: a code and a message (constants), and the package, if there is one now. */
struct package_outcome {
        int64_t code;
        const char *message;
        const char *field; /* what the message is about, a constant, or NULL */
        struct package *package;
};

#define PACKAGE_SUCCESS 200

/* Carries the item out. `package` is the one to change; NULL makes a new one. Returns 0 or a negative errno.
 */
int package_item_carry_out(struct environment *environment, struct json_object *item,
                           struct package *package, struct package_outcome *ret);

/* package_item: one item of a submission: the wish about a package, and its result. */
#pragma once

#include "simulator/environment.h"

#include <json-c/json.h>
#include <stdint.h>

/* Its result: a code and a message (constants), and the package, if there is one now. */
struct package_outcome {
        int64_t code;
        const char *message;
        const char *field; /* the subject of the message, a constant, or NULL */
        struct package *package;
};

#define PACKAGE_SUCCESS 200

/* Carries the item out. `package` is the one to change; NULL makes a new one. Returns 0 or a negative errno.
 */
int package_item_carry_out(struct environment *environment, struct json_object *item,
                           struct package *package, struct package_outcome *ret);

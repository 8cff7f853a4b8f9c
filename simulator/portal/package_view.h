/* package_view: a package as the API shows it. */
#pragma once

#include "simulator/environment.h"

#include <json-c/json.h>
#include <stdbool.h>

/* All of it, or with `summary` what tells packages apart. NULL without memory. */
struct json_object *package_view(const struct environment *environment, const struct package *package,
                                 bool summary);

/* The same as a value that is its own text, so that a long list of them costs no more than it is long. */
struct json_object *package_view_text(const struct environment *environment, const struct package *package,
                                      bool summary);

/* Adds what success answers: submission_id, item_id, eqp_status and the dates. Returns 0 or -ENOMEM. */
int package_view_add_receipt(const struct package *package, struct json_object *object);

/* package_fields: the parts of a package, and those that a review needs. */
#pragma once

#include "simulator/portal/packages.h"
#include "simulator/portal/uploads.h"

#include <json-c/json.h>
#include <stdbool.h>

/* Takes the fields that an owner may write from an item of a request; the others are ignored. Returns 0, 1
 * if that changed nothing, -EINVAL with the name of a field (the table's or a constant) that is of the wrong
 * kind, or -ENOMEM. */
int package_fields_merge(struct json_object *fields, struct json_object *item, const char **reterr_field);

/* The first field that a review lacks, or NULL. */
const char *package_fields_missing(struct json_object *fields, enum package_flow flow);

/* Whether it is "vendor_name/package_name". */
bool package_sku_is_valid(const char *sku);

/* How the scans of all its files stand: the worst of them; -ENOENT if there is no such file. */
int package_fields_scan(struct json_object *fields, const struct uploads *uploads, uint64_t now_usec);

/* Gives a package without SKU one: "VENDOR/NAME", the name in lower case with dashes. Returns 0 or -ENOMEM.
 */
int package_fields_add_sku(struct json_object *fields, const char *vendor);

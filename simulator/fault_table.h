/* fault_table: the faults and their parameters as rows. */
#pragma once

#include <json-c/json.h>

#include "simulator/faults.h"

/* The row of a kind. */
struct fault_row {
        const char *name;
        enum fault_stage stage;
};

extern const struct fault_row fault_rows[FAULT_KINDS];

/* The kind with the name, or -EINVAL. */
int fault_kind_from_name(const char *name);

/* Checks a parameter of a fault. Returns 0, -ENOMEM, or -EINVAL with the reason in *reterr_message, which
 * the caller frees. */
int fault_check_parameter(enum fault_kind kind, const char *name, struct json_object *value,
                          char **reterr_message);

/* The first parameter that the kind cannot do without and that is not there, or NULL. */
const char *fault_missing_parameter(enum fault_kind kind, struct json_object *parameters);

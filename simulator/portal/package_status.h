/* package_status: where a package is in the vendor's reviews, what an action does to that, and which results
 * there are by then. */
#pragma once

#include "simulator/portal/package.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

/* Everything is a draft. */
void package_status_begin(struct package *package);

/* "overall", "technical" or "marketing"; and the flow of the name, or -EINVAL. */
const char *package_flow_name(enum package_flow flow);
int package_flow_from_name(const char *name);

/* Puts a flow where it is told, by a status of the vendor's documentation. Returns 0 or -EINVAL. */
int package_status_tell(struct package *package, enum package_flow flow, const char *status);

/* Whether the flow waits for the owner, so that its fields may be changed and it may be submitted. */
bool package_flow_is_open(const struct package *package, enum package_flow flow);

/* Submits a flow, or takes it back; sets the overall status as well. */
void package_flow_submit(struct package *package, enum package_flow flow);
void package_flow_recall(struct package *package, enum package_flow flow);

/* {"overall","technical","marketing"}, or NULL without memory. */
struct json_object *package_status_json(const struct package *package);

/* The results of the tools that have run. Names and status are constants. */
struct package_result {
        const char *tool;
        const char *run;    /* its tool_run_id */
        const char *status; /* "pass" or "fail" */
};
#define PACKAGE_RESULTS_MAX 8
size_t package_results(const struct package *package,
                       struct package_result ret_results[static PACKAGE_RESULTS_MAX]);

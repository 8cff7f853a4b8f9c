/* Daemon status: the daemon's own account, for the verbs that need a part of it. */
#pragma once

#include "client/eqp-broker.h"
#include "lib/util.h"

#include <json-c/json.h>

/* Asks for the status. Returns a result of the library, which has the words for it. The caller puts the
 * object. */
int daemon_status_get(struct eqp_broker *broker, struct json_object **ret_status);

/* Its account of an environment, or of one of its keys (the label "" is one too); belongs to the status.
 * NULL: nothing. A NULL status says nothing. */
struct json_object *daemon_status_environment(struct json_object *status, const char *name);
struct json_object *daemon_status_key(struct json_object *status, const char *environment,
                                      const char *label);

/* Why the daemon does not use a file, in its own words, as they came; belongs to the status. NULL: it does
 * not say so. */
const char *daemon_status_refusal(struct json_object *status, const char *file);

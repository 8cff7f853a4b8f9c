/* Unknown environment: which one somebody may have meant, of those that this user may use. */
#pragma once

#include "client/eqp-broker.h"

#include <json-c/json.h>

/* Says on stderr that there is none of that name, and which is near. The exit code. */
int complain_unknown_environment(struct json_object *status, const char *name);

/* As complain_broker(), for a request about an environment: where the broker knows none of that name, it is
 * asked for those there are. */
int complain_about_environment(struct eqp_broker *broker, int error, const char *name);

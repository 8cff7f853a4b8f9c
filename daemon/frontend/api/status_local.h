/* What the status tells of local keys, and of the port that their secrets come in by. */
#pragma once

#include "daemon/frontend/api/api_state.h"

#include <json-c/json.h>

/* Of this environment: their names, and what they give out; never an ID. The caller's. */
struct json_object *status_local_keys(const struct access_settings *settings, const char *environment);

/* Does the service manager hold each port that there is, so that nobody takes it while the service is down?
 */
bool status_port_held(const struct api *api);

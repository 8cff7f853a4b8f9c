/* Local keys in the status, and the port that their secrets come in by. */
#pragma once

#include "daemon/frontend/api/api_state.h"

#include <json-c/json.h>

/* Of this environment: their names, what they give out, and when they were used; never an ID. The caller's.
 */
struct json_object *status_local_keys(struct api *api, const char *environment, uint64_t now_usec);

/* Does the service manager hold each port that there is, so that nobody takes it while the service is down?
 */
bool status_port_held(const struct api *api);

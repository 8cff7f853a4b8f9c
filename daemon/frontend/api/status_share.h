/* The sharing of tokens with other hosts, in the status and in the metrics. */
#pragma once

#include "daemon/frontend/api/api_state.h"

#include <json-c/json.h>
#include <stdio.h>

/* Adds "share" of an environment to its status; nothing where no store is set. */
void status_share_add(struct json_object *status, const struct environment_view *view);

/* The metrics of all environments; none where nothing is set to be shared. */
void status_share_metrics(FILE *out, const struct known *known);

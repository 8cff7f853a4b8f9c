/* The HTTP interface: routes to answers. */
#pragma once

#include "daemon/frontend/api/api_state.h"

/* http_handler.on_request; userdata is the api. */
void api_on_request(struct request *request, uint64_t now_usec, void *userdata);

/* Are requests passed on to this environment's upstream? */
bool api_passes_on(const struct api *api, const char *environment);

/* Other settings are about to be in force: no rendered answer is kept. */
void api_forget_answers(struct api *api);

/* The gateway: passes requests of the EQP API on to the upstream, by lanes to the forwarder, with the token
 * in hand in place of what they carried. */
#pragma once

#include "daemon/frontend/api/api_state.h"

#include <stdio.h>
#include <systemd/sd-event.h>

struct gateway;

/* To be made before the process confines itself. The api goes on with what is below /{environment}/rest/.
 * Negative errno. */
int gateway_new(struct gateway **ret, sd_event *event, struct api *api);
/* After the HTTP server. NULL is fine; returns NULL. */
struct gateway *gateway_free(struct gateway *gateway);

/* http_handler.is_early; userdata is the api. */
bool gateway_is_early(const struct request *request, void *userdata);

/* A lane has come from the keeper. Takes fd over. */
void gateway_add_lane(struct gateway *gateway, uint32_t id, uint64_t serial, int fd);

/* Other settings are in force: a request without a right any more ends. */
void gateway_take_settings(struct gateway *gateway);

/* The end comes: long bodies are refused from now on. done: called once when nothing is on its way any more,
 * or after limit_usec; from within, if it is so now. */
void gateway_drain(struct gateway *gateway, uint64_t limit_usec, void (*done)(void *userdata),
                   void *userdata);

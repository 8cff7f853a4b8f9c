/* The keeper's part in the gateway: the forwarder as a process, which runs only while some environment that
 * has a key, or a token, has a gateway; what it is told of upstreams; and the lanes by which the frontend
 * reaches it. No request passes through the keeper. */
#pragma once

#include "daemon/keeper/child_process.h"
#include "daemon/keeper/environments.h"

struct gateway;

/* frontend: stays the caller's. ours: what confines this process. changed: what gateway_look() shows may be
 * different. Negative errno. */
int gateway_new(struct gateway **ret, sd_event *event, struct child_process *frontend,
                const struct confinement *ours, void (*changed)(void *userdata), void *userdata);
/* Ends the forwarder at once. NULL is fine; returns NULL. */
struct gateway *gateway_free(struct gateway *gateway);

/* These settings are in force. */
void gateway_configure(struct gateway *gateway, const struct settings *settings);

/* Something has changed about the environments of the settings in force: is there to be a forwarder? */
void gateway_look_at(struct gateway *gateway, const struct settings *settings,
                     const struct environments *environments, uint64_t now_usec);

/* The frontend has just started, and knows nothing. */
void gateway_on_frontend(struct gateway *gateway);

/* What the frontend has to say, see daemon/base/sides.h. */
void gateway_carrying(struct gateway *gateway, uint64_t now_usec);
void gateway_lane_dead(struct gateway *gateway, const struct message_lane *lane);

/* A child of ours has ended. */
void gateway_on_child(struct gateway *gateway, pid_t pid, int status);

/* What is to be shown. */
void gateway_look(const struct gateway *gateway, struct child_process_view *ret);

/* Records of the forwarder's that were not logged, as it had too many. */
uint64_t gateway_records_dropped(const struct gateway *gateway);

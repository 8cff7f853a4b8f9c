/* The keeper's part in the gateway: the forwarder as a process, which runs only while some environment that
 * has a key, or a token, has its gateway on; the news of upstreams for it; and the lanes by which the
 * frontend reaches it. No request passes through the keeper. */
#pragma once

#include "daemon/keeper/child_process.h"
#include "daemon/keeper/environments.h"

struct forwarding;

/* frontend: stays the caller's. ours: the limits of this process. changed: the result of forwarding_look()
 * may be different. Negative errno. */
int forwarding_new(struct forwarding **ret, sd_event *event, struct child_process *frontend,
                   const struct confinement *ours, void (*changed)(void *userdata), void *userdata);
/* Ends the forwarder at once. NULL is fine; returns NULL. */
struct forwarding *forwarding_free(struct forwarding *forwarding);

/* These settings are in force. */
void forwarding_configure(struct forwarding *forwarding, const struct settings *settings);

/* Something has changed about the environments of the settings in force: is there to be a forwarder? */
void forwarding_look_at(struct forwarding *forwarding, const struct settings *settings,
                        const struct environments *environments, uint64_t now_usec);

/* The frontend has just started, and knows nothing. */
void forwarding_on_frontend(struct forwarding *forwarding);

/* The frontend's words, see daemon/base/sides.h. */
void forwarding_carrying(struct forwarding *forwarding, uint64_t now_usec);
void forwarding_lane_dead(struct forwarding *forwarding, const struct message_lane *lane);
void forwarding_lane_broken(struct forwarding *forwarding, const struct message_lane *lane);

/* A child of ours has ended. */
void forwarding_on_child(struct forwarding *forwarding, pid_t pid, int status);

/* The state, to be shown. */
void forwarding_look(const struct forwarding *forwarding, struct child_process_view *ret);

/* Records of the forwarder's that were not logged, as it had too many. */
uint64_t forwarding_records_dropped(const struct forwarding *forwarding);

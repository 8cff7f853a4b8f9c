/* The carrier of requests from the lanes to the upstreams, and answers back: all that happens between a
 * REQUEST and its end. See lib/lane.h. */
#pragma once

#include "daemon/forwarder/carrier_types.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#define CARRIER_CONNECTIONS_MAX 16 /* to all upstreams; further requests wait */

struct carrier;

/* libcurl must have been set up by curl_global_init(), and this is to be called before the process takes
 * away from itself what it will not need. Negative errno. */
int carrier_new(struct carrier **ret, sd_event *event, const struct carrier_handlers *handlers);

/* Ends all lanes. NULL is fine; returns NULL. */
struct carrier *carrier_free(struct carrier *carrier);

/* In place of what was known of this environment; requests under way go on as they began. -EINVAL: values
 * that make no sense. -ENOMEM: everything is as before. */
int carrier_set_upstream(struct carrier *carrier, const struct carrier_upstream *upstream);

/* Requests for it that are under way or wait get LANE_FAIL_UNKNOWN: nobody is to use it any more. Those that
 * come later wait for what is told of it next. Harmless if it is not known. */
void carrier_forget_upstream(struct carrier *carrier, const char *environment);

/* Takes fd over, also when it fails: a lane's end, nonblocking, SO_SNDBUF set. It replaces the one of that
 * id, whose request is cut off. -EINVAL: id is not below LANES_MAX. Other negative errno. */
int carrier_add_lane(struct carrier *carrier, unsigned id, int fd);

/* Requests that are under way or wait for a connection. */
size_t carrier_n_requests(const struct carrier *carrier);

/* From now on new requests, and those that wait, get LANE_FAIL_STOPPING. on_empty is called once, in a turn
 * of the loop of its own, when none is under way; the carrier may be freed in it. -ENOMEM or what sd-event
 * answered; else 0. */
int carrier_drain(struct carrier *carrier, void (*on_empty)(void *userdata), void *userdata);

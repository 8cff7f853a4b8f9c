/* A stand-in for the forwarder, in the gateway's own process: it answers each request by a lane at once, in
 * one of several ways, which the request's target says. It believes nothing: a packet that is not sound,
 * another token than the one in hand, or a header that must not go out, ends the program. */
#pragma once

#include "daemon/frontend/gateway/gateway.h"

#include <stdbool.h>
#include <stdint.h>

struct fake_forwarder;

/* token: the one that requests have to carry. Ends the program where memory is short. */
struct fake_forwarder *fake_forwarder_new(struct gateway *gateway, const char *token);

/* The gateway says that this lane is dead: it gets another. */
void fake_forwarder_lane_dead(struct fake_forwarder *forwarder, uint32_t id);

/* Works on what has come. False: nothing has. */
bool fake_forwarder_turn(struct fake_forwarder *forwarder);

/* How many requests came so far. */
unsigned fake_forwarder_n_requests(const struct fake_forwarder *forwarder);

/* The upstreams of the environments that have a gateway, as the forwarder is told of them: looked up when
 * they are new, and again where that is asked for and the answer is old, off the loop. */
#pragma once

#include "daemon/keeper/child_process.h"
#include "lib/settings.h"

struct upstreams;

/* ready: each that there is has been looked up once, with success or without, and told. Called on the loop,
 * never from within. forwarder stays the caller's. Negative errno. */
int upstreams_new(struct upstreams **ret, sd_event *event, struct child_process *forwarder,
                  void (*ready)(void *userdata), void *userdata);
/* Look-ups under way are left to end by themselves. NULL is fine; returns NULL. */
struct upstreams *upstreams_free(struct upstreams *upstreams);

/* These settings are in force: those that stay keep what was found until the next answer, for which they
 * are asked at once, or once the look-up that is under way is done; those that are gone are forgotten, here
 * and by the forwarder. Negative errno: some are missing. */
int upstreams_configure(struct upstreams *upstreams, const struct settings *settings);

/* There is to be a forwarder (or none): only then anything is looked up. */
void upstreams_want(struct upstreams *upstreams, bool wanted);

/* Are there none that were not looked up yet? */
bool upstreams_are_ready(const struct upstreams *upstreams);

/* The forwarder is a new one: tells it all that is known. */
void upstreams_tell_all(const struct upstreams *upstreams);

/* The forwarder came to no connection there: looked up again, unless that was done a moment ago. */
void upstreams_stale(struct upstreams *upstreams, const char *environment, uint64_t now_usec);

/* Requests are being carried: an answer that is over a minute old, or was not found, is looked up again,
 * authorities included. */
void upstreams_in_use(struct upstreams *upstreams, uint64_t now_usec);

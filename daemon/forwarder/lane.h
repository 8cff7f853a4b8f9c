/* One lane of a carrier. */
#pragma once

#include "daemon/forwarder/carrier_object.h"

/* Takes fd over, also when it fails. Negative errno. */
int lane_new(struct lane **ret, struct carrier *carrier, unsigned id, int fd);

/* Its request is cut off, and its place in the carrier is free. NULL is fine; returns NULL. */
struct lane *lane_free(struct lane *lane);

/* After anything that may have changed what it waits for. It may be gone then. */
void lane_settle(struct lane *lane);

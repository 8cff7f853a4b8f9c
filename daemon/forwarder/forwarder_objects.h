/* The forwarder's objects, for the two files that work on it: daemon/forwarder/forwarder builds it and runs,
 * daemon/forwarder/told takes what the keeper tells. */
#pragma once

#include "daemon/base/channel.h"
#include "daemon/forwarder/carrier.h"

struct forwarder {
        sd_event *event;
        struct channel *keeper;
        struct carrier *carrier;
        sd_event_source *patience; /* a timer: when it ends although requests are under way */
        bool draining;
};

/* A message of the keeper's; fd as for channel_handlers.on_message; userdata is the forwarder. */
void forwarder_on_message(const void *bytes, size_t length, int fd, void *userdata);

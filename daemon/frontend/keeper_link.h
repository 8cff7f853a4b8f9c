/* The frontend's way to the keeper: its questions, as messages. */
#pragma once

#include "daemon/base/channel.h"
#include "daemon/base/sides.h"

/* The keeper's stand-in in the frontend's process. */
struct keeper {
        struct channel *channel;
        uint64_t carrying_usec; /* when it was last told that requests are on the lanes; 0: never */
};

extern const struct keeper_calls keeper_link_calls;

/* The frontend's way to the keeper: what it asks, and what it has to log, as messages. */
#pragma once

#include "daemon/base/channel.h"
#include "daemon/base/journal_record.h"
#include "daemon/base/sides.h"

/* What stands for the keeper in the frontend's process. */
struct keeper {
        struct channel *channel;
        uint64_t carrying_usec; /* when it was last told that requests are on the lanes; 0: never */
};

extern const struct keeper_calls keeper_link_calls;

/* For journal_pass_to(): userdata is the keeper. */
bool keeper_link_log(const struct journal_record *record, const char *message, void *userdata);

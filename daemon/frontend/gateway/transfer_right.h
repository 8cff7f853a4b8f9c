/* The right by which a request is passed on, while it is. */
#pragma once

#include "daemon/frontend/gateway/transfer.h"

/* Notes the local key that its request came with, if it did. */
void transfer_right_begin(struct transfer *transfer);

/* Other settings are in force, and `environment` of the request is one of theirs, or NULL. Ends its
 * connection if the gateway is off, or a request with its local key would be refused now: at once, or when
 * it is known who the callers of the key are, or has not become known within 30 s. The rules have been
 * judged: those are looked at again only before it is sent. */
void transfer_right_look(struct transfer *transfer);

/* The handler of the gateway's right_limit: judges the requests that have waited for so long. */
int transfer_right_on_limit(sd_event_source *source, uint64_t usec, void *userdata);

/* The headers of an answer as its client gets them. */
#pragma once

#include "daemon/frontend/gateway/transfer.h"

/* False: it ends there. */
typedef bool (*transfer_header_fn)(const char *name, const char *value, void *userdata);

/* Calls it for each header that goes out, in their order; the value may be "". Places in them are those of
 * this broker, the token is covered where the caller is not to see it. False: no memory, or it was ended. */
bool transfer_headers_each(const struct transfer *transfer, transfer_header_fn header, void *userdata);

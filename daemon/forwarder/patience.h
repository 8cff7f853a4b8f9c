/* How long a request may take. */
#pragma once

#include "daemon/forwarder/carried_request.h"

#define PATIENCE_QUIET_SEC 60 /* without a byte either way, and for a connection to be free */

/* So much time has gone by, again and again, since the request came: gives it up if it is too slow, or if an
 * ABORT waits behind data that nobody takes. */
#define PATIENCE_TICK_USEC (USEC_PER_SEC / 2)
void patience_tick(struct carried_request *request);

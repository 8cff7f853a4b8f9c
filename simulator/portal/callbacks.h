/* callbacks: messages that the vendor would send to the URLs that the account has registered. Nothing is
 * sent: each is recorded, and shown on the admin listener. */
#pragma once

#include "simulator/environment.h"
#include "simulator/portal/packages.h"

/* A package's status has changed. Returns 0 or -ENOMEM. */
int callbacks_add_status(struct environment *environment, const struct package *package,
                         enum package_flow flow);

/* Records the scans that have come to their end since it was called last. Returns 0 or -ENOMEM. */
int callbacks_add_scans(struct environment *environment);

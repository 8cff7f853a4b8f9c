/* Whether anything that is to survive a restart can have changed, for the price of some additions: the texts
 * themselves cost a thousand times that, and callers can make events at will. */
#pragma once

#include "daemon/keeper/environments.h"

#include <stdint.h>

/* A number that differs from an earlier one, as good as always, if anything has changed since that
 * environment_remember() or the ledger would tell, and is the same if callers were told something and
 * nothing else happened. */
uint64_t environments_mark(const struct environments *environments);

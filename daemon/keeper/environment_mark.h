/* Whether anything that is to survive a restart can have changed, for the price of some additions: the texts
 * themselves cost a thousand times that, and callers can make events at will. */
#pragma once

#include "daemon/keeper/environments.h"

#include <stdint.h>

/* Differs, as good as always, from the mark of before if anything is different that environment_remember()
 * or the ledger would tell. The same for what only callers were told. */
uint64_t environments_mark(const struct environments *environments);

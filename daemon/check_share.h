/* --check of [share]. */
#pragma once

#include "lib/settings.h"

/* Can its files be read, and, with connect, can each store be used? Says what is wrong in the log. Returns
 * the exit code. */
int check_share(const struct settings *settings, bool connect);

/* --check: the configuration as the daemon will see it. */
#pragma once

#include "daemon/base/exit_code.h"
#include "lib/settings.h"

/* When root asks for the installed configuration (named: not that, but another one, by the command line or
 * the environment), this process becomes the daemon's user. To be called before anything is read. */
void check_begin(bool named);

/* Are these settings fit for use, and may the daemon read what they name? Prints them, and says what is
 * wrong in the log. connect: may stores of tokens be used, as well? Returns the exit code. */
int check_settings(struct settings *settings, bool connect);

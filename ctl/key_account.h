/* Key account: which account of the vendor's a key is of, and which one its environment has. */
#pragma once

#include "lib/settings.h"

/* May a key of this account be the environment's, by the configuration (NULL: not known) and, with
 * ask_daemon, by the tokens of the daemon at this address (NULL: in the usual places)? True also where
 * neither tells. False after saying why not, and what to do. */
bool key_account_fits(const char *account, const char *environment, const struct settings *settings,
                      bool ask_daemon, const char *address);

/* Has the daemon get a token of whatever account, which becomes the environment's, and prints what came of
 * it. account: of the key that is in its file now; "": not known. EXIT_DONE if that is the environment's
 * now; else another exit code. */
int key_account_renew(const char *account, const char *environment, const char *address);

/* The daemon's work done once, without serving anybody: for init containers, CI jobs and eqpctl. */
#pragma once

#include "daemon/base/exit_code.h"
#include "daemon/token_print.h"
#include "lib/settings.h"

#define ONCE_DEADLINE_USEC     (30 * USEC_PER_SEC) /* unless it is said otherwise */
#define ONCE_DEADLINE_MIN_USEC (1 * USEC_PER_SEC)
#define ONCE_DEADLINE_MAX_USEC (24 * USEC_PER_HOUR)

/* Obtains a session token and writes it to standard output. Tries all keys of the environment, in order and
 * with the pauses of the refresh machine; gives up as soon as no further attempt can come before the
 * deadline. Returns the exit code: 0, NO_KEY, KEY_REFUSED (all of them), TRY_LATER, ODD_ANSWER, PERMISSION
 * (a key file may not be read), CONFIGURATION (no such environment), INTERNAL, SIGNAL + its number. Words go
 * to the journal. */
int once_token(const struct settings *settings, const char *environment, enum token_format format,
               uint64_t deadline_usec);

/* Reads one key line from standard input and makes exactly one exchange with it, under the environment's
 * settings; the token is dropped. Returns the exit code, as above; NO_KEY if there is no key on that line.
 * Words go to the journal; the account of a good key (mage_id), a line, to standard output. */
int once_try_key(const struct settings *settings, const char *environment);

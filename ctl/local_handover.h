/* Local handover: the secret of a local key is in force and shown, or neither. It is shown last; should that
 * fail, nobody knows it, and the file has to be as before: a rotated key has no place for a third secret, so
 * the next try would drop the one that programs have. */
#pragma once

#include "ctl/local_secret.h"
#include "ctl/options.h"

#include <signal.h>

/* Before the file is written: from here on neither a signal nor a reader that goes ends us halfway, for as
 * long as the daemon takes to answer. ret_held: for held_signals_end(). */
void local_handover_begin(sigset_t *ret_held);

/* Shows the secret. False after saying why it could not be shown. */
bool local_handover_show(const struct local_secret *secret, const char *id);

/* The file is as before already. Has the daemon go by that, and says so: state is what became of the file,
 * outcome what it comes to. A signal that came until now was for just that; one that comes from here on ends
 * us, as the daemon may take its time. */
void local_handover_take_back(const struct options *options, const char *path, const char *state,
                              sigset_t *held, const char *outcome);

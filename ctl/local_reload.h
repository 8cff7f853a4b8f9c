/* Local reload: the reload after the file of a local key was written or removed. */
#pragma once

#include "ctl/options.h"

enum local_reload {
        LOCAL_RELOADED,
        LOCAL_NO_DAEMON, /* none runs: it will read the file when it starts */
        LOCAL_NOT_ASKED, /* it did not answer, or this user may not ask it; said on stderr */
        LOCAL_REJECTED,  /* it has found a mistake, and all stays as it was; said on stderr */
};

/* Has the daemon read its configuration again. */
enum local_reload local_reload(const struct options *options);

/* Does the service manager hold the daemon's port, so that nobody else gets it while the daemon is down?
 * False as well if that cannot be told. */
bool local_port_is_held(const struct options *options);

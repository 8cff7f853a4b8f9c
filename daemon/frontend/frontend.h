/* The frontend: a process of its own, which has the callers, and no file, no network and no access key. */
#pragma once

/* Serves until the keeper says that it is the end, or is gone. Descriptor 3 is its end of the pair, see
 * daemon/base/channel.h. Returns the exit code of the process. */
int frontend_run(void);

/* The forwarder: a process of its own, which has the connections to the upstreams, and no file, no access
 * key and no caller. */
#pragma once

/* Carries requests until the keeper says that it is the end, or is gone. Descriptor 3 is its end of the
 * pair, see daemon/base/channel.h. Returns the exit code of the process. */
int forwarder_run(void);

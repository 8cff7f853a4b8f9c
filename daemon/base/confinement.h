/* The rights that a process gives up once it has all that it needs: new privileges, system calls, files,
 * the network. They stay gone, for it and for its children.
 *
 * A call that is not allowed is answered as by a kernel that does not have it: ENOSYS. A feature that the
 * kernel, or the container around, does not offer is no error: it is missing in the result, and one notice
 * says so. Built with -Dconfinement=false, and so in builds with sanitizers or for coverage, both do
 * nothing.
 *
 * To be called before there is any other thread: that would keep what it has. */
#pragma once

#include "lib/confinement.h"

/* The keeper goes on reading files, asking names, reaching the network, making and removing unix sockets and
 * the folders for them; it starts its own program again, which can confine itself further. It cannot write
 * to a file that it opens, make one, nor run another program than its own (and what is in the folder of the
 * loader).
 *
 * Negative errno: out of memory, say; then the process may be confined in part. */
int confine_keeper(struct confinement *ret);

/* The frontend is left with the descriptors it has, and those that come: through pair_fd, or by accept4().
 *
 * Up to highest_fd are its listeners and what else has not come from a client, or will not; those above are
 * connections. A connection can be shut down, a listener cannot: it would then serve to connect to
 * somewhere. Only up to highest_fd can a datagram be sent to an address: the netlink socket, which asks
 * about callers.
 *
 * Negative errno as above. */
int confine_frontend(int pair_fd, int highest_fd, struct confinement *ret);

/* The forwarder is left with the descriptors it has, those that come as messages, and TCP
 * connections that it makes: it opens and runs nothing, listens nowhere, and reaches no socket that has a
 * path or a name.
 *
 * Negative errno as above. */
int confine_forwarder(struct confinement *ret);

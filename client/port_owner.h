/* Port owner: the user at the server's end of a TCP connection, and whether it may be the daemon. Any local
 * user can take a port on the loopback interface while no daemon holds it. */
#pragma once

#include "lib/util.h"

#define PORT_OWNER_WORDS_MAX 256

/* Asks the kernel for the owner of the other end of a connection over IPv4, and of the socket that took it.
 * Both have to be root's, the user eqp-broker's or this process's own. The addresses are numeric, as
 * inet_ntop() writes them.
 *
 * 0: so it is, or this machine has no user eqp-broker in /etc/passwd, as most containers have none: then
 * there is nobody to compare with. -EPERM: it is somebody else's, or cannot be known; words says whose or
 * why not. -ECONNRESET: the other end is closed already, as that of a daemon with too many connections. */
int port_owner_check(const char *server_address, int server_port, const char *own_address, int own_port,
                     char words[static PORT_OWNER_WORDS_MAX]);

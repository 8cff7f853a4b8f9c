/* Which descriptors are unix sockets, so that libmicrohttpd need not be told by the kernel, for each answer,
 * that they know nothing of TCP. */
#pragma once

#include <stdbool.h>

/* To be said of each connection before libmicrohttpd has it: its number may have been another one's. */
void unix_sockets_note(int fd, bool is_unix);

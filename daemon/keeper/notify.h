/* Messages to the service manager (sd_notify(3)), which are never waited for. */
#pragma once

#include "lib/util.h"

/* Sends the lines, and with them a copy of the descriptor fd, if that is not -1. -ENOTCONN: there is no
 * manager. -EAGAIN: it does not read just now. Other negative errno. */
int notify(int fd, const char *format, ...) _printf_(2, 3);

/* A token on standard output, for scripts and init containers. */
#pragma once

#include "lib/environment_view.h"
#include "lib/session.h"
#include "lib/token_format.h"

/* Writes the token, in that format and with a line end, to a descriptor. Negative errno. */
int token_print(int fd, enum token_format format, const struct environment_view *view,
                const struct session *session, uint64_t now_usec);

/* Answers that are written to a socket past libmicrohttpd, as it has not read the request, or cannot answer
 * any more. Nothing of an answer may be on its way there. */
#pragma once

#include <stdbool.h>

/* The body is too large to be read and dropped. */
void plain_answer_too_large(int fd);

/* A body that went on for too long without a byte; to a client of the EQP API. */
void plain_answer_stalled(int fd);

/* A request that was answered before all of its body was there, of which no more is read; to a client of the
 * EQP API. slug: the answer's EQP-Error; NULL: nothing. */
void plain_answer_unread(int fd, unsigned status, const char *slug);

/* There is no room for this connection, or was not in time; stopping: as the daemon ends. */
void plain_answer_no_room(int fd, bool stopping);

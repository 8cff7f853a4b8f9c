/* delivery: sends a request's answer, rightly or wrongly. */
#pragma once

struct request;

/* Sends or suspends, as the answer says. Only within libmicrohttpd's handler. Returns 0, or a negative errno
 * when the connection is to be closed, be it for trouble or on purpose. */
int delivery_start(struct request *request);

/* echo: answers with the request, so that it can be seen what has arrived of it. */
#pragma once

#include "simulator/answer.h"

struct request;

/* Method, path, query, header fields (Authorization as a digest), and the body's length and digest. Returns
 * 0 or a negative errno. */
int echo_answer(const struct request *request, struct answer **ret);

/* portal: the API behind a session token: the account, its keys and reports, files, packages, metrics. */
#pragma once

#include "simulator/answer.h"
#include "simulator/environment.h"

#include <stdbool.h>

struct request;

/* Whether the request carries a token that is good here and now. */
bool portal_is_authorised(const struct environment *environment, const struct request *request);

/* Answers a request for the path below /rest/v1, checking its token first. Returns 0 or a negative errno. */
int portal_answer(struct environment *environment, struct request *request, const char *path,
                  struct answer **ret);

/* Whether the path below /rest/v1 is the one that files are sent to. */
bool portal_takes_files(const char *path);

/* misbehave: the effect of each fault on an answer. */
#pragma once

#include "simulator/answer.h"
#include "simulator/faults.h"

#include <json-c/json.h>
#include <stdint.h>

struct request;

/* The answer of a fault that stands in for the right one. Returns 0 or -ENOMEM. */
int misbehave_instead(const struct fault *fault, struct answer **ret);

/* Bends a grant before it is issued. A fault that names another sane lifetime changes the real one too.
 * Returns 0 or -ENOMEM. */
int misbehave_grant(const struct fault *fault, struct json_object *grant, int64_t *lifetime_sec);

/* Bends how a request's body is taken; for good, so that the fault may go. */
void misbehave_body(const struct fault *fault, struct request *request);

/* The answer to a request whose connection is cut. Returns 0 or -ENOMEM. */
int misbehave_cut(const struct request *request, struct answer **ret);

/* Bends how the right answer is sent. Returns 0 or -ENOMEM. */
int misbehave_answer(const struct fault *fault, struct answer *answer);

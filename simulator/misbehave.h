/* misbehave: what each fault does to an answer. */
#pragma once

#include <json-c/json.h>
#include <stdint.h>

#include "simulator/answer.h"
#include "simulator/faults.h"

/* The answer of a fault that stands in for the right one. Returns 0 or -ENOMEM. */
int misbehave_instead(const struct fault *fault, struct answer **ret);

/* Bends a grant before it is issued. A fault that names another sane lifetime changes the real one too.
 * Returns 0 or -ENOMEM. */
int misbehave_grant(const struct fault *fault, struct json_object *grant, int64_t *lifetime_sec);

/* Bends how the right answer is sent. Returns 0 or -ENOMEM. */
int misbehave_answer(const struct fault *fault, struct answer *answer);

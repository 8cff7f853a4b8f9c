/* Status details: the sharing of an environment's tokens with other hosts. */
#pragma once

#include "ctl/paragraph.h"

#include <json-c/json.h>
#include <stdio.h>

/* A paragraph, if something is shared: always in full, else where it is worth a look. Returns 0 or -ENOMEM.
 */
int status_share_print(const struct paragraph_place *place, struct json_object *environment, bool full);

/* Words for a state of the field "share" that is not in order; NULL: it is. *ret_cure: a
 * sentence with the cure. */
const char *status_share_fault(const char *state, const char **ret_cure);

/* The store that the state is about; "": it is about none. */
const char *status_share_store(struct json_object *share);

/* How it is shared, in the words of the status: "through the store redis://host:6379: the token in hand was
 * obtained here". fault: by status_share_fault(). */
void status_share_say(FILE *stream, struct json_object *share, const char *fault);

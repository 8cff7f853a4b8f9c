/* Status view: a daemon's status as a picture for people. Pure: the same status and terminal give the same
 * text. */
#pragma once

#include "ctl/fields.h"
#include "ctl/terminal.h"

#include <stdio.h>

/* Writes all environments, or in full the one that is named. Returns how many were written, or -ENOMEM. */
int status_view_print(FILE *out, struct json_object *status, const char *only,
                      const struct terminal *terminal);

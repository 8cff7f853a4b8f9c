/* Status details: the facts of one environment beyond its row, a labelled paragraph each. */
#pragma once

#include "ctl/status_row.h"

#include <stdio.h>

/* Writes the paragraphs, indented by indent columns. full adds what is asked for by naming the environment.
 * Returns 0 or -ENOMEM. */
int status_details_print(FILE *out, const struct status_row *row, const struct terminal *terminal,
                         unsigned indent, bool full);

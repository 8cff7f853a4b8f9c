/* Option value: the argument of an option, read. Each of these ends the program if it makes no sense, after
 * a message that names the option. */
#pragma once

#include "lib/token_format.h"

#include <argp.h>

/* A number of seconds, at most max. */
unsigned option_seconds(struct argp_state *state, const char *option, const char *text, unsigned max);

/* Of --format. */
enum token_format option_format(struct argp_state *state, const char *text);

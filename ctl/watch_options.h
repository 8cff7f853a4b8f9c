/* Watch options: those of eqpctl watch, beside the ones that other verbs have as well. */
#pragma once

#include "ctl/options.h"

#include <argp.h>

/* Takes one; ends the program if its argument makes no sense. ARGP_ERR_UNKNOWN: it is none of these. */
error_t watch_options_take(struct options *options, int key, char *argument, struct argp_state *state);

/* Is there something to do, and does each option belong to something? Else ends the program. */
void watch_options_check(const struct options *options, struct argp_state *state);

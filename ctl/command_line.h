/* Command line: which verb is wanted, and how. */
#pragma once

#include "ctl/options.h"

/* Reads the command line; strings stay in argv. As usual with argp, --help, --usage and --version end the
 * program with 0, and a line that makes no sense ends it with EXIT_USAGE, after a message that names the
 * culprit. */
void command_line_parse(struct options *ret_options, int argc, char **argv);

/* Key place: where the keys are, and which environments there are; every key verb begins with it. */
#pragma once

#include "ctl/key_store.h"
#include "ctl/options.h"

struct key_place {
        struct settings *settings; /* NULL: not known, see key_place_open() */
        struct key_store store;
        bool in_force; /* it is the directory that the configuration names */
};

/* Reads the configuration and opens the directory that it names, or that --directory names. Without
 * --directory a configuration that cannot be read is an error; with it, only a remark. Says on stderr what
 * is wrong; EXIT_DONE or another exit code. Release with key_place_close(). */
int key_place_open(struct key_place *ret_place, const struct options *options);
void key_place_close(struct key_place *place);

/* Reads ENVIRONMENT or ENVIRONMENT.LABEL of the command line. EXIT_DONE, or EXIT_USAGE after saying why. */
int key_place_read_name(struct key_file_name *ret_name, const char *text);

/* Is this environment there? Says on stderr if not. True where the configuration is not known. */
bool key_place_knows(const struct key_place *place, const char *environment);

/* The exit code for an error with the directory. */
int key_place_exit_code(int error);

/* Does something about one key file; returns an exit code. */
typedef int (*key_place_visitor)(struct key_place *place, const struct options *options,
                                 const struct key_file_name *name);

/* For the verbs about one key file, which options name: reads its name, opens the place, and calls visit.
 * Returns its exit code, or another after saying why. */
int key_place_visit(const struct options *options, key_place_visitor visit);

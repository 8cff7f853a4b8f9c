/* options: the command line. */
#pragma once

#include "simulator/address.h"
#include "simulator/certificate.h"
#include "simulator/environment.h"

#include <stddef.h>
#include <stdint.h>

#define ENVIRONMENTS_MAX 32

struct options {
        struct {
                const char *name;
                struct address address;
        } environments[ENVIRONMENTS_MAX];
        size_t n_environments;

        struct address admin;
        const char *tls_directory; /* NULL: a temporary one */
        const char *server_names[SERVER_NAMES_MAX];
        size_t n_server_names;
        const char *keys_file; /* NULL: the example key everywhere */
        const char *mage_id;
        struct environment_settings settings;
};

/* Reads the command line. Prints what is wrong with it, or the help or the version, and exits then. Texts in
 * *ret belong to the arguments, which are modified. */
void options_parse(struct options *ret, int argc, char **argv);

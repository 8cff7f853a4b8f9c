/* The meaning of a credential's name: which environment's token, and in which form. */
#pragma once

#include "lib/names.h"

#define CREDENTIAL_NAME_MAX                                                                                 \
        98 /* characters; in the address of a credential_peer there is room for no more */

struct credential_name {
        bool json; /* the token answer's JSON, else the bare token */
        bool sure; /* it must be an environment's name; else it may be a word of the unit's own */
        char environment[ENVIRONMENT_NAME_MAX + 1]; /* "": it cannot be one's name */
};

/* As the service manager allows it: visible ASCII and spaces, without '/' and ':', neither "." nor "..". */
bool credential_name_valid(const char *name, size_t length);

/* "sandbox", "eqp.sandbox" (surely an environment), either with ".json" behind it. */
void credential_name_read(const char *name, struct credential_name *ret);

/* The names of the service manager's units, as far as they can ask for a credential. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define UNIT_NAME_MAX 98 /* characters; in the address of a credential_peer there is room for no more */

/* NULL, or what is wrong with this name: a static text. The characters and the '@' are as in
 * systemd.unit(5); the type is one of those that run programs: service, socket, mount, swap. */
const char *unit_name_fault(const char *name, size_t length);

/* Is this good name that of a template, "worker@.service"? It never runs itself, its instances do. */
bool unit_name_is_template(const char *name, size_t length);

/* Is `name`, of a unit, the same as `wanted`, or an instance of it if that is a template? Both are good. */
bool unit_name_fits(const char *wanted, const char *name);

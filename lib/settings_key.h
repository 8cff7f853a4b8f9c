/* Inside settings: the keys of each kind of section. Only settings_*.c look here, and tests that
 * compare manuals with the rows. */
#pragma once

#include "lib/settings_reading.h"

extern const struct settings_keys settings_broker_keys, settings_environment_keys, settings_gateway_keys,
        settings_local_keys, settings_share_keys;

/* All of them, with a NULL at the end. */
extern const struct settings_keys *const settings_sections[];

#define SETTINGS_HEADINGS "[broker], [environment NAME], [gateway ENVIRONMENT], [local NAME] or [share]"

/* Opens the section of a heading, which begins with a bracket and has no white space behind it. */
int settings_open_section(struct settings_reading *r, const char *line, size_t length);

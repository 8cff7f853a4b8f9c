/* Remarks on settings, logged. */
#pragma once

#include "lib/settings.h"

/* Warns of what is in order in these settings and yet unwise, a line each; see lib/settings_remark.h and
 * lib/gateway_remark.h. */
void settings_remarks_log(const struct settings *settings);

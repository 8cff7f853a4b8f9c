/* --explain: would the gateway pass this request on, and which line of the configuration says so? */
#pragma once

#include "daemon/base/exit_code.h"
#include "lib/settings.h"

struct explain_request {
        const char *environment;
        const char *who; /* "user:ci", "uid:1000", "group:ci", "gid:33", "any" or "local:reports" */
        const char *method;
        const char *path; /* "/rest/v1/...", with its query if there is one; the environment may stand before
                             it */
        const char *account; /* its mage_id; NULL: that of the configuration */
};

/* Prints the verdict and the line that decides; other remarks go to the log. Looks names up,
 * which may block, and puts their numbers into the settings. Returns the exit code: 0, REFUSED,
 * CONFIGURATION (no such environment or caller), INTERNAL. */
int explain(struct settings *settings, const struct explain_request *request);

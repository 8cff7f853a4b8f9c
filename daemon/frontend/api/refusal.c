/* The words for a caller that the rules do not allow. */
#include "daemon/frontend/api/refusal.h"

#include <stdio.h>

const char *refusal_of_everything(const struct caller *caller, char buffer[static REFUSAL_MAX])
{
        const char *obstacle = caller_unit_obstacle(caller);

        (void)snprintf(buffer, REFUSAL_MAX,
                       "this user has no access: an administrator can run 'usermod -aG eqp-broker USER', or "
                       "name the user with 'allow =' in the configuration%s%s",
                       obstacle ? "; " : "", obstacle ? obstacle : "");
        return buffer;
}

const char *refusal_of_environment(const struct caller *caller, const char *environment, bool operating,
                                   bool local, char buffer[static REFUSAL_MAX])
{
        const char *obstacle = operating || local ? NULL : caller_unit_obstacle(caller);

        (void)snprintf(buffer, REFUSAL_MAX, "this %s may not %s %s: see '%s =' in the configuration%s%s",
                       local ? "local key" : "user", operating ? "refresh" : "use", environment,
                       operating ? "operators" : "allow", obstacle ? "; " : "", obstacle ? obstacle : "");
        return buffer;
}

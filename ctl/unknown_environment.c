/* An environment that the daemon does not have: which ones it has, and which name may have been meant. */
#include "ctl/unknown_environment.h"

#include "ctl/complain.h"
#include "ctl/daemon_status.h"
#include "ctl/fields.h"
#include "lib/nearest_name.h"

#include <ctype.h>
#include <stdio.h>

#define NAMES_MAX 16 /* as nearest_names() has room for */

/* "Did you mean sandbox?", or all there are. The names come from what answers, which need not be the daemon:
 * only what can be a name is taken. */
static void say_nearest(struct json_object *status, const char *name)
{
        struct json_object *environments = field_array(status, "environments");
        size_t n = environments ? json_object_array_length(environments) : 0, n_names = 0;
        const char *names[NAMES_MAX];
        char text[NEAREST_NAMES_TEXT_MAX];

        for (size_t i = 0; i < n && n_names < NAMES_MAX; i++) {
                const char *known = field_text(json_object_array_get_idx(environments, i), "name");

                if (known[0] != '\0' &&
                    strspn(known, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(known)) {
                        names[n_names++] = known;
                }
        }
        if (n_names == 0) {
                return;
        }
        (void)nearest_names(name, names, n_names, text, sizeof(text));
        text[0] = (char)toupper((unsigned char)text[0]);
        (void)fprintf(stderr, "%s\n", text);
}

int complain_unknown_environment(struct json_object *status, const char *name)
{
        complain("There is no environment '%s' that you may use.", name);
        say_nearest(status, name);
        return EXIT_FAILED;
}

int complain_about_environment(struct eqp_broker *broker, int error, const char *name)
{
        _cleanup_(json_putp) struct json_object *status = NULL;
        bool unknown = streq(eqp_broker_error_slug(broker), "unknown_environment");
        int code = complain_broker(broker, error);

        if (unknown && daemon_status_get(broker, &status) == 0) {
                say_nearest(status, name);
        }
        return code;
}

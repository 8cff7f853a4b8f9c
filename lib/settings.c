/* The environments of settings: adding and finding them. */
#include "lib/settings.h"

#include "lib/util.h"

#include <errno.h>

#define LIFETIME_DEFAULT_SEC          7200
#define CONNECT_TIMEOUT_DEFAULT_USEC  (10 * USEC_PER_SEC)
#define EXCHANGE_TIMEOUT_DEFAULT_USEC (20 * USEC_PER_SEC)

static struct environment_settings *find_environment(struct settings *settings, const char *name)
{
        for (size_t i = 0; i < settings->n_environments; i++) {
                if (streq(settings->environments[i].name, name)) {
                        return &settings->environments[i];
                }
        }
        return NULL;
}

int settings_add_environment(struct settings *settings, const char *name, struct environment_settings **ret)
{
        struct environment_settings *environment = find_environment(settings, name);

        if (!environment) {
                if (settings->n_environments >= SETTINGS_ENVIRONMENTS_MAX) {
                        return -E2BIG;
                }
                if (!environment_name_valid(name, strlen(name))) {
                        return -EINVAL;
                }
                environment = &settings->environments[settings->n_environments++];
                *environment = (struct environment_settings){
                        .lifetime_sec = LIFETIME_DEFAULT_SEC,
                        .connect_timeout_usec = CONNECT_TIMEOUT_DEFAULT_USEC,
                        .exchange_timeout_usec = EXCHANGE_TIMEOUT_DEFAULT_USEC,
                        .gateway_body_max = GATEWAY_BODY_MAX_DEFAULT,
                        .gateway_answer_timeout_usec = GATEWAY_ANSWER_TIMEOUT_DEFAULT_USEC,
                };
                memcpy(environment->name, name, strlen(name) + 1);
        }
        *ret = environment;
        return 0;
}

const struct environment_settings *settings_environment(const struct settings *settings, const char *name)
{
        for (size_t i = 0; i < settings->n_environments; i++) {
                if (streq(settings->environments[i].name, name)) {
                        return &settings->environments[i];
                }
        }
        return NULL;
}

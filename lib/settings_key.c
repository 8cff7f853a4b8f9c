/* The keys of [broker] and [environment NAME]: a row each, with the function that checks a value and puts it
 * into the settings. A new key is a row here, a line in the sample file and a paragraph in the manual; tests
 * compare the three. */
#include "lib/settings_key.h"

#include "lib/base_url.h"
#include "lib/settings_value.h"
#include "lib/token_exchange.h"

#include <errno.h>
#include <stdio.h>

#define LIFETIME_MAX_USEC (30 * 24 * USEC_PER_HOUR)
#define WHY_MAX           256

/* ---- setters, a row each ---- */

static int set_listen(struct settings_reading *r, const char *value)
{
        struct settings *s = r->settings;
        struct listen_address address;
        char why[WHY_MAX];

        if (listen_address_parse(value, &address, why, sizeof(why)) < 0) {
                return settings_fail_value(r, value, why);
        }
        if (r->first) {
                s->n_listen = 0;
        }
        for (size_t i = 0; i < s->n_listen; i++) {
                if (listen_address_equal(&s->listen[i], &address)) {
                        return settings_fail_value(
                                r, value, "this address is listed already: leave one of the two out");
                }
        }
        if (s->n_listen >= SETTINGS_LISTEN_MAX) {
                return settings_fail_value(r, value, "there are too many addresses: write 16 at most");
        }
        s->listen[s->n_listen++] = address;
        return 0;
}

static int set_socket_mode(struct settings_reading *r, const char *value)
{
        size_t length = strlen(value);
        unsigned long mode;

        if (length >= 1 && length <= 4 && strspn(value, "01234567") == length) {
                mode = strtoul(value, NULL, 8);
                if (mode <= 0777 && (mode & 0600) == 0600) {
                        r->settings->socket_mode = (uint32_t)mode;
                        return 0;
                }
        }
        return settings_fail_value(
                r, value, "write three octal digits, the first of them 6 or 7, such as 0660 or 0666");
}

static int set_socket_group(struct settings_reading *r, const char *value)
{
        char text[SETTINGS_VALUE_MAX + 8];
        struct access_rule rule;
        const char *why;

        (void)snprintf(text, sizeof(text), "%s:%s",
                       value[strspn(value, "0123456789")] == '\0' ? "gid" : "group", value);
        if (access_rule_parse(text, &rule, &why) < 0) {
                return settings_fail_value(r, value, "write the name or the number of one group");
        }
        r->settings->socket_group = rule;
        r->settings->has_socket_group = true;
        return 0;
}

static int set_keys_directory(struct settings_reading *r, const char *value)
{
        return settings_value_path(r, value, &r->settings->keys_directory);
}

static int set_key_permissions(struct settings_reading *r, const char *value)
{
        return settings_value_either(r, value, "relaxed", "strict", &r->settings->key_permissions_relaxed);
}

static int set_allow(struct settings_reading *r, const char *value)
{
        return settings_value_rule(r, value, /* units= */ true, &r->settings->allow);
}

static int set_operators(struct settings_reading *r, const char *value)
{
        return settings_value_rule(r, value, /* units= */ false, &r->settings->operators);
}

static int set_metrics(struct settings_reading *r, const char *value)
{
        return settings_value_either(r, value, "yes", "no", &r->settings->metrics);
}

static int set_max_connections(struct settings_reading *r, const char *value)
{
        return settings_value_number(r, value, 16, MAX_CONNECTIONS_MOST, &r->settings->max_connections);
}

static int set_max_connections_per_user(struct settings_reading *r, const char *value)
{
        return settings_value_number(r, value, 1, MAX_CONNECTIONS_MOST,
                                     &r->settings->max_connections_per_user);
}

static int set_ready(struct settings_reading *r, const char *value)
{
        return settings_value_either(r, value, "listening", "answered", &r->settings->ready_when_listening);
}

static int set_base_url(struct settings_reading *r, const char *value)
{
        char why[WHY_MAX];
        char *url;
        int n;

        n = base_url_parse(value, &url, why, sizeof(why));
        if (n == -ENOMEM) {
                return settings_fail_memory(r);
        }
        if (n < 0) {
                return settings_fail(r, "%s: %s", r->key, why);
        }
        free(r->environment->base_url);
        r->environment->base_url = url;
        return 0;
}

static int set_account(struct settings_reading *r, const char *value)
{
        if (!token_exchange_is_plain(value, strlen(value), MAGE_ID_MAX)) {
                return settings_fail_value(r, value,
                                           "write the mage_id of the account, such as MAG123456789: 1 to 64 "
                                           "visible ASCII characters without quotes");
        }
        return settings_value_text(r, value, &r->environment->account);
}

static int set_lifetime(struct settings_reading *r, const char *value)
{
        uint64_t usec = 0;
        int n;

        n = settings_value_duration(r, value, LIFETIME_MAX_USEC, &usec);
        if (n < 0) {
                return n;
        }
        r->environment->lifetime_sec = (uint32_t)(usec / USEC_PER_SEC);
        return 0;
}

static int set_ca_file(struct settings_reading *r, const char *value)
{
        return settings_value_path(r, value, &r->environment->ca_file);
}

static int set_connect_timeout(struct settings_reading *r, const char *value)
{
        return settings_value_duration(r, value, USEC_PER_MIN, &r->environment->connect_timeout_usec);
}

static int set_exchange_timeout(struct settings_reading *r, const char *value)
{
        return settings_value_duration(r, value, 2 * USEC_PER_MIN, &r->environment->exchange_timeout_usec);
}

static int set_environment_allow(struct settings_reading *r, const char *value)
{
        r->environment->has_allow = true;
        return settings_value_rule(r, value, /* units= */ true, &r->environment->allow);
}

static int set_environment_operators(struct settings_reading *r, const char *value)
{
        r->environment->has_operators = true;
        return settings_value_rule(r, value, /* units= */ false, &r->environment->operators);
}

static int set_gateway(struct settings_reading *r, const char *value)
{
        return settings_value_either(r, value, "yes", "no", &r->environment->gateway);
}

/* ---- the rows ---- */

static const struct settings_key broker_keys[] = {
        { "listen", true, set_listen },
        { "socket_mode", false, set_socket_mode },
        { "socket_group", false, set_socket_group },
        { "keys_directory", false, set_keys_directory },
        { "key_permissions", false, set_key_permissions },
        { "allow", true, set_allow },
        { "operators", true, set_operators },
        { "metrics", false, set_metrics },
        { "max_connections", false, set_max_connections },
        { "max_connections_per_user", false, set_max_connections_per_user },
        { "ready", false, set_ready },
};

static const struct settings_key environment_keys[] = {
        { "allow", true, set_environment_allow },
        { "operators", true, set_environment_operators },
        { "base_url", false, set_base_url },
        { "account", false, set_account },
        { "lifetime", false, set_lifetime },
        { "ca_file", false, set_ca_file },
        { "connect_timeout", false, set_connect_timeout },
        { "exchange_timeout", false, set_exchange_timeout },
        { "gateway", false, set_gateway },
};

const struct settings_keys settings_broker_keys = { "[broker]", broker_keys, ARRAY_SIZE(broker_keys) };
const struct settings_keys settings_environment_keys = { "[environment NAME]", environment_keys,
                                                         ARRAY_SIZE(environment_keys) };

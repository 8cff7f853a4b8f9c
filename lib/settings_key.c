/* The keys of the configuration: a row each, with the function that checks a value and puts it into the
 * settings. A new key is a row here, a line in the sample file and a paragraph in the manual; tests compare
 * the three. */
#include "lib/settings_key.h"
#include "lib/base_url.h"
#include "lib/duration.h"
#include "lib/token_exchange.h"

#include <errno.h>
#include <stdio.h>

#define LIFETIME_MAX_USEC (30 * 24 * USEC_PER_HOUR)
#define WHY_MAX           256

/* ---- values of several keys ---- */

static int read_number(struct settings_reading *r, const char *value, uint32_t min, uint32_t max,
                       uint32_t *ret)
{
        char why[WHY_MAX];
        size_t length = strlen(value);
        unsigned long number;

        if (length >= 1 && length <= 9 && strspn(value, "0123456789") == length) {
                number = strtoul(value, NULL, 10);
                if (number >= min && number <= max) {
                        *ret = (uint32_t)number;
                        return 0;
                }
        }
        (void)snprintf(why, sizeof(why), "write a number from %u to %u", (unsigned)min, (unsigned)max);
        return settings_fail_value(r, value, why);
}

static int read_duration(struct settings_reading *r, const char *value, uint64_t max_usec,
                         uint64_t *ret_usec)
{
        char why[WHY_MAX], max[DURATION_TEXT_MAX];
        uint64_t usec;
        int n;

        n = duration_parse(value, &usec);
        if (n >= 0 && usec >= USEC_PER_SEC && usec <= max_usec) {
                *ret_usec = usec;
                return 0;
        }
        (void)snprintf(why, sizeof(why), "write a duration from 1s to %s, such as 90, 90s, 15min, 2h or 1d",
                       duration_format(max_usec, max));
        return settings_fail_value(r, value, why);
}

/* One of two words; *ret tells whether it was the first. */
static int read_either(struct settings_reading *r, const char *value, const char *first, const char *second,
                       bool *ret)
{
        char why[WHY_MAX];

        if (streq(value, first) || streq(value, second)) {
                *ret = streq(value, first);
                return 0;
        }
        (void)snprintf(why, sizeof(why), "write %s or %s", first, second);
        return settings_fail_value(r, value, why);
}

static int keep_text(struct settings_reading *r, const char *value, char **ret)
{
        char *text = strdup(value);

        if (!text) {
                return settings_fail_memory(r);
        }
        free(*ret);
        *ret = text;
        return 0;
}

static int read_path(struct settings_reading *r, const char *value, char **ret)
{
        if (value[0] != '/') {
                return settings_fail_value(r, value, "write an absolute path, one that begins with a slash");
        }
        return keep_text(r, value, ret);
}

static int read_rule(struct settings_reading *r, const char *value, bool units, struct access_rules *rules)
{
        struct access_rule rule;
        const char *why = NULL;
        int n;

        if (access_rule_parse(value, &rule, &why) < 0) {
                return settings_fail_value(r, value, why);
        }
        if (rule.kind == ACCESS_RULE_LOCAL) {
                return settings_fail_value(r, value,
                                           "a local key opens what its own section says, and [gateway "
                                           "ENVIRONMENT]: write this rule there");
        }
        if (rule.kind == ACCESS_RULE_UNIT && !units) {
                return settings_fail_value(r, value,
                                           "a unit gets its token and cannot ask for anything else: write "
                                           "user:NAME, uid:NUMBER, group:NAME or gid:NUMBER");
        }
        if (r->first) {
                access_rules_clear(rules);
        }
        n = access_rules_add(rules, &rule);
        if (n == -E2BIG) {
                return settings_fail_value(
                        r, value, "there are too many rules: write 64 at most, or a rule for a group");
        }
        return n < 0 ? settings_fail_memory(r) : 0;
}

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
        return read_path(r, value, &r->settings->keys_directory);
}

static int set_key_permissions(struct settings_reading *r, const char *value)
{
        return read_either(r, value, "relaxed", "strict", &r->settings->key_permissions_relaxed);
}

static int set_allow(struct settings_reading *r, const char *value)
{
        if (!r->environment) {
                return read_rule(r, value, /* units= */ true, &r->settings->allow);
        }
        r->environment->has_allow = true;
        return read_rule(r, value, /* units= */ true, &r->environment->allow);
}

static int set_operators(struct settings_reading *r, const char *value)
{
        if (!r->environment) {
                return read_rule(r, value, /* units= */ false, &r->settings->operators);
        }
        r->environment->has_operators = true;
        return read_rule(r, value, /* units= */ false, &r->environment->operators);
}

static int set_metrics(struct settings_reading *r, const char *value)
{
        return read_either(r, value, "yes", "no", &r->settings->metrics);
}

static int set_max_connections(struct settings_reading *r, const char *value)
{
        return read_number(r, value, 16, MAX_CONNECTIONS_MOST, &r->settings->max_connections);
}

static int set_max_connections_per_user(struct settings_reading *r, const char *value)
{
        return read_number(r, value, 1, MAX_CONNECTIONS_MOST, &r->settings->max_connections_per_user);
}

static int set_ready(struct settings_reading *r, const char *value)
{
        return read_either(r, value, "listening", "answered", &r->settings->ready_when_listening);
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
        return keep_text(r, value, &r->environment->account);
}

static int set_lifetime(struct settings_reading *r, const char *value)
{
        uint64_t usec = 0;
        int n;

        n = read_duration(r, value, LIFETIME_MAX_USEC, &usec);
        if (n < 0) {
                return n;
        }
        r->environment->lifetime_sec = (uint32_t)(usec / USEC_PER_SEC);
        return 0;
}

static int set_ca_file(struct settings_reading *r, const char *value)
{
        return read_path(r, value, &r->environment->ca_file);
}

static int set_connect_timeout(struct settings_reading *r, const char *value)
{
        return read_duration(r, value, USEC_PER_MIN, &r->environment->connect_timeout_usec);
}

static int set_exchange_timeout(struct settings_reading *r, const char *value)
{
        return read_duration(r, value, 2 * USEC_PER_MIN, &r->environment->exchange_timeout_usec);
}

const struct settings_key settings_keys[SETTINGS_KEYS] = {
        { "listen", true, false, true, set_listen },
        { "socket_mode", true, false, false, set_socket_mode },
        { "socket_group", true, false, false, set_socket_group },
        { "keys_directory", true, false, false, set_keys_directory },
        { "key_permissions", true, false, false, set_key_permissions },
        { "allow", true, true, true, set_allow },
        { "operators", true, true, true, set_operators },
        { "metrics", true, false, false, set_metrics },
        { "max_connections", true, false, false, set_max_connections },
        { "max_connections_per_user", true, false, false, set_max_connections_per_user },
        { "ready", true, false, false, set_ready },
        { "base_url", false, true, false, set_base_url },
        { "account", false, true, false, set_account },
        { "lifetime", false, true, false, set_lifetime },
        { "ca_file", false, true, false, set_ca_file },
        { "connect_timeout", false, true, false, set_connect_timeout },
        { "exchange_timeout", false, true, false, set_exchange_timeout },
};

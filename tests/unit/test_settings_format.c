/* The settings as text: exact for the defaults, and read back without loss for everything else. */
#include "tests/unit/settings_text.h"

#include <stdio.h>

static void the_defaults(void **state)
{
        static const char expected[] =
                "[broker]\n"
                "listen = 127.0.0.1:9377\n"
                "listen = [::1]:9377\n"
                "listen = /run/eqp-broker/eqp-broker.sock\n"
                "socket_mode = 0666\n"
                "# socket_group: the daemon's own, or its folder's\n"
                "# keys_directory: the service manager's credentials, or else /etc/eqp-broker/keys\n"
                "key_permissions = strict\n"
                "allow = uid:0\n"
                "allow = group:eqp-broker\n"
                "operators = uid:0\n"
                "metrics = yes\n"
                "max_connections = 512\n"
                "max_connections_per_user = 64\n"
                "ready = answered\n"
                "\n"
                "[environment production]\n"
                "base_url = https://commercedeveloper-api.adobe.com\n"
                "# account: that of the first token\n"
                "lifetime = 2h\n"
                "# ca_file: the system's authorities\n"
                "connect_timeout = 10s\n"
                "exchange_timeout = 20s\n"
                "gateway = no\n"
                "\n"
                "[environment sandbox]\n"
                "base_url = https://commercedeveloper-sandbox-api.adobe.com\n"
                "# account: that of the first token\n"
                "lifetime = 2h\n"
                "# ca_file: the system's authorities\n"
                "connect_timeout = 10s\n"
                "exchange_timeout = 20s\n"
                "gateway = no\n";
        _cleanup_(settings_freep) struct settings *s = read_good("");
        _cleanup_free_ char *text = settings_format(s);

        assert_non_null(text);
        assert_string_equal(text, expected);
}

/* A written text is read again, and written alike; no text shows `optional`. */
static void expect_round_trip(const char *original)
{
        _cleanup_(settings_freep) struct settings *first = read_good(original), *second = NULL;
        _cleanup_free_ char *once = settings_format(first), *twice = NULL;

        assert_non_null(once);
        second = read_good(once);
        twice = settings_format(second);
        assert_non_null(twice);
        assert_string_equal(once, twice);
        for (size_t i = 0; i < first->n_listen; i++) {
                assert_int_equal(first->listen[i].optional, second->listen[i].optional);
        }
        for (size_t i = 0; i < first->allow.n; i++) {
                assert_int_equal(first->allow.rules[i].optional, second->allow.rules[i].optional);
        }
}

static void everything_at_once(void **state)
{
        static const char text[] =
                "[broker]\nlisten = 127.0.0.9:0\nlisten = /run/x y;z#1\nlisten = "
                "[::1]:65535\nsocket_mode = 660\nsocket_group = broker-users\nkeys_directory = /k\n"
                "key_permissions = relaxed\nallow = any\nallow = user:a\nallow = uid:4294967294\nallow = "
                "group:b\n"
                "allow = gid:7\nallow = unit:worker@.service\nallow = unit:a\\x2db.mount\noperators = "
                "user:DOMAIN\\c\nmetrics = no\nmax_connections = 65536\n"
                "max_connections_per_user = 65536\nready = listening\n"
                "[environment agency]\nbase_url = https://[::1]:8443/x\naccount = MAG1\nlifetime = 90min\n"
                "ca_file = /ca\n"
                "connect_timeout = 60s\nexchange_timeout = 61s\nallow = any\noperators = any\n"
                "[environment sandbox]\nlifetime = 30d\n[environment production]\nlifetime = 86401s\n";
        _cleanup_(settings_freep) struct settings *s = read_good(text);
        _cleanup_free_ char *written = settings_format(s);

        assert_non_null(written);
        assert_non_null(strstr(written, "\naccount = MAG1\nlifetime = 90min\n"));
        assert_non_null(strstr(written, "\nsocket_mode = 0660\nsocket_group = broker-users\n"));
        assert_non_null(strstr(written, "\nlifetime = 30d\n"));
        assert_non_null(strstr(written, "\nlifetime = 86401s\n"));
        assert_non_null(strstr(written, "\nconnect_timeout = 1min\n"));
        assert_non_null(strstr(written, "\nexchange_timeout = 61s\n"));
        assert_non_null(strstr(written, "\nlisten = /run/x y;z#1\n"));
        assert_non_null(strstr(written, "\nallow = unit:worker@.service\nallow = unit:a\\x2db.mount\n"));
        expect_round_trip(text);
        expect_round_trip("");
}

/* An account that looks like a comment is none, neither way. */
static void accounts_that_look_like_comments(void **state)
{
        static const char text[] =
                "[environment sandbox]\naccount =#1;2\n[environment production]\naccount =;\n";
        _cleanup_(settings_freep) struct settings *s = read_good(text);

        assert_string_equal(settings_environment(s, "sandbox")->account, "#1;2");
        assert_string_equal(settings_environment(s, "production")->account, ";");
        expect_round_trip(text);
}

/* A group given as a number is written as one. */
static void socket_group_by_number(void **state)
{
        static const char text[] = "[broker]\nsocket_group = 0033\n";
        _cleanup_(settings_freep) struct settings *settings = read_good(text);
        _cleanup_free_ char *written = settings_format(settings);

        assert_non_null(written);
        assert_non_null(strstr(written, "\nsocket_group = 33\n"));
        expect_round_trip(text);
}

/* The longest values stand in lines that can be read again. */
static void longest_values(void **state)
{
        char text[1024], path[SETTINGS_VALUE_MAX + 1], url[SETTINGS_VALUE_MAX + 1];

        memset(path, 'x', sizeof(path));
        path[0] = '/';
        path[SETTINGS_VALUE_MAX] = '\0';
        memset(url, 'x', sizeof(url));
        memcpy(url, "https://h/", 10);
        url[SETTINGS_VALUE_MAX] = '\0';
        (void)snprintf(text, sizeof(text),
                       "[broker]\nkeys_directory=%s\n[environment sandbox]\nca_file=%s\nbase_url=%s\n", path,
                       path, url);
        expect_round_trip(text);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_defaults),
                cmocka_unit_test(everything_at_once),
                cmocka_unit_test(accounts_that_look_like_comments),
                cmocka_unit_test(socket_group_by_number),
                cmocka_unit_test(longest_values),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

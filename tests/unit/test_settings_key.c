/* The keys one by one: the values that each takes, the limits on both sides, and the messages for others. */
#include "tests/unit/settings_text.h"

#include <stdio.h>

#define HOW_LONG "write a duration from 1s to "
#define SUCH_AS  ", such as 90, 90s, 15min, 2h or 1d"
#define RULES    "it is no rule: write user:NAME, uid:NUMBER, group:NAME, gid:NUMBER, unit:NAME.service or any"

/* One key in a section of its own. */
static struct settings *read_key(const char *section, const char *key, const char *value)
{
        char text[512];

        (void)snprintf(text, sizeof(text), "[%s]\n%s = %s\n", section, key, value);
        return read_good(text);
}

static void expect_key_error(const char *section, const char *key, const char *value, const char *why)
{
        char text[512], expected[SETTINGS_ERROR_MAX];

        (void)snprintf(text, sizeof(text), "[%s]\n%s = %s\n", section, key, value);
        (void)snprintf(expected, sizeof(expected), "a.conf:2: %s = %s: %s", key, value, why);
        expect_error(text, expected);
}

static void unknown_keys(void **state)
{
        expect_error("[broker]\nmax_conections = 5\n",
                     "a.conf:2: unknown key max_conections: did you mean max_connections?");
        expect_error("[broker]\nlisten_on = x\n", "a.conf:2: unknown key listen_on: did you mean listen?");
        expect_error("[environment sandbox]\nbaseurl = x\n",
                     "a.conf:2: unknown key baseurl: did you mean base_url?");
        expect_error(
                "[environment sandbox]\ntimeout = 5\n",
                "a.conf:2: unknown key timeout: known here: allow, operators, base_url, account, lifetime, "
                "ca_file, connect_timeout, exchange_timeout, gateway");
        expect_error("[environment sandbox]\nListen = 5\n",
                     "a.conf:2: this is no key: known here: allow, operators, base_url, account, lifetime, "
                     "ca_file, connect_timeout, exchange_timeout, gateway");
        /* Text that may be a secret is not repeated. */
        expect_error("[environment sandbox]\n8820c99614d65f923df7660276f20e029d73e2ca = x\n",
                     "a.conf:2: this is no key: known here: allow, operators, base_url, account, lifetime, "
                     "ca_file, connect_timeout, exchange_timeout, gateway");
}

static void keys_in_the_wrong_section(void **state)
{
        expect_error("[broker]\nbase_url = https://h\n",
                     "a.conf:2: base_url belongs into [environment NAME]");
        expect_error("[broker]\nlifetime = 1h\n", "a.conf:2: lifetime belongs into [environment NAME]");
        expect_error("[environment sandbox]\nlisten = /x\n", "a.conf:2: listen belongs into [broker]");
        expect_error("[environment sandbox]\nmetrics = no\n", "a.conf:2: metrics belongs into [broker]");
        expect_error(
                "metrics = no\n[broker]\n",
                "a.conf:1: metrics stands before the first section: write [broker], [environment NAME], "
                "[gateway ENVIRONMENT], [local NAME] or [share] above it");
}

static void listen(void **state)
{
        _cleanup_(settings_freep) struct settings *s =
                read_good("[broker]\nlisten = 127.0.0.2:80\nlisten = /run/x\nlisten = [::1]:0\n");

        assert_int_equal(s->n_listen, 3);
        assert_string_equal(s->listen[0].path, "127.0.0.2:80");
        assert_string_equal(s->listen[1].path, "/run/x");
        assert_string_equal(s->listen[2].path, "[::1]:0");
        assert_false(s->listen[2].optional);
        expect_key_error(
                "broker", "listen", "0.0.0.0:9377",
                "loopback only: write an address of 127.0.0.0/8 or [::1], each with a port, or an absolute "
                "path of a unix socket");
        expect_key_error(
                "broker", "listen", "localhost:9377",
                "localhost may be two addresses: write 127.0.0.1:PORT, and [::1]:PORT on a line of its own");
        expect_error(
                "[broker]\nlisten = 127.0.0.1:1\nlisten = 127.0.0.1:01\n",
                "a.conf:3: listen = 127.0.0.1:01: this address is listed already: leave one of the two out");
}

static void listen_has_a_limit(void **state)
{
        char text[1024] = "[broker]\n";
        size_t used = strlen(text);

        for (int i = 1; i <= SETTINGS_LISTEN_MAX; i++) {
                used += (size_t)snprintf(text + used, sizeof(text) - used, "listen = 127.0.0.1:%d\n", i);
        }
        {
                _cleanup_(settings_freep) struct settings *s = read_good(text);

                assert_int_equal(s->n_listen, SETTINGS_LISTEN_MAX);
        }
        (void)snprintf(text + used, sizeof(text) - used, "listen = 127.0.0.1:17\n");
        expect_error(text,
                     "a.conf:18: listen = 127.0.0.1:17: there are too many addresses: write 16 at most");
}

static void paths(void **state)
{
        static const char *const bad[] = { "keys", "./keys", "~/keys", "\"/keys\"", "file:///keys" };
        _cleanup_(settings_freep) struct settings *keys = read_key("broker", "keys_directory", "/srv/keys");
        _cleanup_(settings_freep) struct settings *ca =
                read_key("environment sandbox", "ca_file", "/etc/caf\xc3\xa9.pem");

        assert_string_equal(keys->keys_directory, "/srv/keys");
        assert_string_equal(settings_environment(ca, "sandbox")->ca_file, "/etc/caf\xc3\xa9.pem");
        assert_null(settings_environment(ca, "production")->ca_file);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                expect_key_error("broker", "keys_directory", bad[i],
                                 "write an absolute path, one that begins with a slash");
                expect_key_error("environment sandbox", "ca_file", bad[i],
                                 "write an absolute path, one that begins with a slash");
        }
}

#define PLACE(field) offsetof(struct settings, field)

static void either_or(void **state)
{
        static const struct {
                const char *key, *yes, *no, *why;
                size_t place;
        } rows[] = {
                { "metrics", "yes", "no", "write yes or no", PLACE(metrics) },
                { "key_permissions", "relaxed", "strict", "write relaxed or strict",
                  PLACE(key_permissions_relaxed) },
                { "ready", "listening", "answered", "write listening or answered",
                  PLACE(ready_when_listening) },
        };
        static const char *const bad[] = { "true", "1", "on", "Yes", "no no", "-", "strictly" };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_(settings_freep) struct settings *yes =
                        read_key("broker", rows[i].key, rows[i].yes);
                _cleanup_(settings_freep) struct settings *no = read_key("broker", rows[i].key, rows[i].no);

                assert_true(*(bool *)((char *)yes + rows[i].place));
                assert_false(*(bool *)((char *)no + rows[i].place));
                for (size_t j = 0; j < ARRAY_SIZE(bad); j++) {
                        expect_key_error("broker", rows[i].key, bad[j], rows[i].why);
                }
        }
}

static void socket_modes(void **state)
{
        static const struct {
                const char *text;
                uint32_t mode;
        } good[] = {
                { "0666", 0666 }, { "666", 0666 }, { "0660", 0660 }, { "600", 0600 }, { "0777", 0777 }
        };
        static const char *const bad[] = { "0",    "066",   "0466", "0260", "1666",  "4755", "00666",
                                           "0668", "rw-rw", "u=rw", "-666", "0x1b6", "06 66" };

        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                _cleanup_(settings_freep) struct settings *s =
                        read_key("broker", "socket_mode", good[i].text);
                assert_int_equal(s->socket_mode, good[i].mode);
        }
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                expect_key_error("broker", "socket_mode", bad[i],
                                 "write three octal digits, the first of them 6 or 7, such as 0660 or 0666");
        }
}

static void socket_groups(void **state)
{
        static const char *const bad[] = { "a,b", "65534", "4294967295", "-1", "group:a", "gid:7", "a b" };
        _cleanup_(settings_freep) struct settings *none = read_good("");
        _cleanup_(settings_freep) struct settings *name = read_key("broker", "socket_group", "www-data");
        _cleanup_(settings_freep) struct settings *number = read_key("broker", "socket_group", "0033");

        assert_false(none->has_socket_group);
        assert_true(name->has_socket_group && name->socket_group.kind == ACCESS_RULE_GROUP);
        assert_string_equal(name->socket_group.name, "www-data");
        assert_true(number->has_socket_group && number->socket_group.kind == ACCESS_RULE_GID);
        assert_int_equal(number->socket_group.id, 33);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                expect_key_error("broker", "socket_group", bad[i],
                                 "write the name or the number of one group");
        }
}

/* A key that was pasted into the wrong line must not reach the log. */
static void a_possible_secret_is_not_repeated(void **state)
{
        expect_error("[broker]\nkeys_directory = AQ17NZ49WC:8820c99614d65f923df7660276f20e029d73e2ca\n",
                     "a.conf:2: keys_directory = (a value that is not repeated here): "
                     "write an absolute path, one that begins with a slash");
        expect_error("[broker]\nready = AQ17NZ49WC\n",
                     "a.conf:2: ready = (a value that is not repeated here): write listening or answered");
        expect_error("[broker]\nready = answered-or-listening\n",
                     "a.conf:2: ready = answered-or-listening: write listening or answered");
}

static void numbers(void **state)
{
        static const char *const bad[] = { "-1",
                                           "+20",
                                           "20x",
                                           "2 0",
                                           "0x20",
                                           "1e2",
                                           "20.0",
                                           "many",
                                           "1000000000",
                                           "4294967316",
                                           "18446744073709551636" };
        _cleanup_(settings_freep) struct settings *least = read_key("broker", "max_connections", "16");
        _cleanup_(settings_freep) struct settings *most = read_key("broker", "max_connections", "65536");
        _cleanup_(settings_freep) struct settings *one = read_key("broker", "max_connections_per_user", "1");
        _cleanup_(settings_freep) struct settings *all =
                read_key("broker", "max_connections_per_user", "512");

        assert_int_equal(least->max_connections, 16);
        assert_int_equal(most->max_connections, 65536);
        assert_int_equal(one->max_connections_per_user, 1);
        assert_int_equal(all->max_connections_per_user, 512);

        expect_key_error("broker", "max_connections", "15", "write a number from 16 to 65536");
        expect_key_error("broker", "max_connections", "65537", "write a number from 16 to 65536");
        expect_key_error("broker", "max_connections_per_user", "0", "write a number from 1 to 65536");
        expect_key_error("broker", "max_connections_per_user", "65537", "write a number from 1 to 65536");
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                expect_key_error("broker", "max_connections", bad[i], "write a number from 16 to 65536");
                expect_key_error("broker", "max_connections_per_user", bad[i],
                                 "write a number from 1 to 65536");
        }
}

static uint64_t duration_of(const char *key, const char *value)
{
        _cleanup_(settings_freep) struct settings *s = read_key("environment sandbox", key, value);
        const struct environment_settings *e = settings_environment(s, "sandbox");

        if (streq(key, "lifetime")) {
                return e->lifetime_sec * USEC_PER_SEC;
        }
        return streq(key, "connect_timeout") ? e->connect_timeout_usec : e->exchange_timeout_usec;
}

static void durations(void **state)
{
        static const struct {
                const char *key, *most, *more, *shown;
                uint64_t most_sec;
        } rows[] = {
                { "lifetime", "30d", "2592001", "30d", 2592000 },
                { "connect_timeout", "60", "61s", "1min", 60 },
                { "exchange_timeout", "2min", "121s", "2min", 120 },
        };
        static const char *const bad[] = { "0",       "0s",   "-1",    "1ms",
                                           "1h 5min", "soon", "3651d", "99999999999999999999" };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                char why[128];

                assert_int_equal(duration_of(rows[i].key, "1"), USEC_PER_SEC);
                assert_int_equal(duration_of(rows[i].key, "59 s"), 59 * USEC_PER_SEC);
                assert_int_equal(duration_of(rows[i].key, rows[i].most), rows[i].most_sec * USEC_PER_SEC);
                (void)snprintf(why, sizeof(why), HOW_LONG "%s" SUCH_AS, rows[i].shown);
                expect_key_error("environment sandbox", rows[i].key, rows[i].more, why);
                for (size_t j = 0; j < ARRAY_SIZE(bad); j++) {
                        expect_key_error("environment sandbox", rows[i].key, bad[j], why);
                }
        }
}

static void rules(void **state)
{
        _cleanup_(settings_freep) struct settings *s = read_good(
                "[broker]\nallow = any\noperators = user:a\noperators = gid:7\n"
                "[environment sandbox]\nallow = group:b\n[environment production]\noperators = uid:9\n");
        const struct environment_settings *sandbox = settings_environment(s, "sandbox");
        const struct environment_settings *production = settings_environment(s, "production");

        assert_int_equal(s->allow.n, 1);
        assert_int_equal(s->allow.rules[0].kind, ACCESS_RULE_ANY);
        assert_int_equal(s->operators.n, 2);
        assert_int_equal(s->operators.rules[1].id, 7);
        assert_true(sandbox->has_allow);
        assert_false(sandbox->has_operators);
        assert_string_equal(sandbox->allow.rules[0].name, "b");
        assert_false(sandbox->allow.rules[0].optional);
        assert_false(production->has_allow);
        assert_true(production->has_operators);
        assert_int_equal(production->operators.rules[0].id, 9);

        expect_key_error("broker", "allow", "root", RULES);
        expect_key_error("broker", "operators", "everybody", RULES);
        expect_key_error("environment sandbox", "allow", "user", RULES);
        expect_key_error("environment sandbox", "operators", "uid:65534",
                         "this id stands for nobody: 65534 and 4294967295 cannot be allowed");
}

static void units_may_have_tokens_and_nothing_else(void **state)
{
        _cleanup_(settings_freep) struct settings *s =
                read_good("[broker]\nallow = unit:deploy.service\n"
                          "[environment sandbox]\nallow = unit:worker@.service\n");

        assert_int_equal(s->allow.n, 1);
        assert_int_equal(s->allow.rules[0].kind, ACCESS_RULE_UNIT);
        assert_string_equal(settings_environment(s, "sandbox")->allow.rules[0].name, "worker@.service");
        expect_key_error("broker", "allow", "unit:deploy", "the name has no type: write unit:NAME.service");
        expect_key_error("environment sandbox", "operators", "unit:deploy.service",
                         "a unit gets its token and cannot ask for anything else: write user:NAME, "
                         "uid:NUMBER, group:NAME or gid:NUMBER");
}

static void rules_have_a_limit(void **state)
{
        char text[2048] = "[broker]\n";
        size_t used = strlen(text);

        for (int i = 0; i < 64; i++) {
                used += (size_t)snprintf(text + used, sizeof(text) - used, "allow = uid:%d\n", i);
        }
        {
                _cleanup_(settings_freep) struct settings *s = read_good(text);

                assert_int_equal(s->allow.n, 64);
        }
        (void)snprintf(text + used, sizeof(text) - used, "allow = uid:64\n");
        expect_error(text, "a.conf:66: allow = uid:64: there are too many rules: write 64 at most, or a "
                           "rule for a group");
}

static void base_urls(void **state)
{
        _cleanup_(settings_freep) struct settings *s =
                read_key("environment agency", "base_url", "https://API.example.com:8443/x/ # y");

        assert_string_equal(settings_environment(s, "agency")->base_url, "https://api.example.com:8443/x");
        /* The URL itself is not repeated: it may hold a password. */
        expect_error(
                "[environment sandbox]\nbase_url = https://me:Swordfish@h.example\n",
                "a.conf:2: base_url: it has user information before the host: keys belong into key files");
        expect_error(
                "[environment sandbox]\nbase_url = http://h.example\n",
                "a.conf:2: base_url: http would send the key in clear over the network: write https://HOST");
        expect_error("[environment sandbox]\nbase_url = https://commercedeveloper-sandbox.adobe.com\n",
                     "a.conf:2: base_url: commercedeveloper-sandbox.adobe.com is the portal where keys are "
                     "made: write "
                     "https://commercedeveloper-sandbox-api.adobe.com");
}

static void long_values_are_shown_in_part(void **state)
{
        expect_error("[broker]\nmetrics = aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffg\n",
                     "a.conf:2: metrics = aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff...: "
                     "write yes or no");
        expect_error("[broker]\nmetrics = aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff\n",
                     "a.conf:2: metrics = aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff: "
                     "write yes or no");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(unknown_keys),
                cmocka_unit_test(keys_in_the_wrong_section),
                cmocka_unit_test(listen),
                cmocka_unit_test(listen_has_a_limit),
                cmocka_unit_test(paths),
                cmocka_unit_test(a_possible_secret_is_not_repeated),
                cmocka_unit_test(either_or),
                cmocka_unit_test(socket_modes),
                cmocka_unit_test(socket_groups),
                cmocka_unit_test(numbers),
                cmocka_unit_test(durations),
                cmocka_unit_test(rules),
                cmocka_unit_test(units_may_have_tokens_and_nothing_else),
                cmocka_unit_test(rules_have_a_limit),
                cmocka_unit_test(base_urls),
                cmocka_unit_test(long_values_are_shown_in_part),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Settings as a whole: the defaults, environments, drop-ins, and what only the whole can show. */
#include "tests/unit/settings_text.h"

#include <stdio.h>

static void no_file_means_the_defaults(void **state)
{
        _cleanup_(settings_freep) struct settings *s = NULL;
        const struct environment_settings *e;
        char message[SETTINGS_ERROR_MAX];

        assert_int_equal(settings_new(&s), 0);
        assert_int_equal(settings_finish(s, message), 0);
        assert_int_equal(s->n_listen, 3);
        assert_string_equal(s->listen[0].path, "127.0.0.1:9377");
        assert_int_equal(s->listen[0].kind, LISTEN_TCP4);
        assert_int_equal(s->listen[0].port, 9377);
        assert_int_equal(s->listen[0].address4, 0x7f000001);
        assert_false(s->listen[0].optional);
        assert_string_equal(s->listen[1].path, "[::1]:9377");
        assert_int_equal(s->listen[1].kind, LISTEN_TCP6);
        assert_int_equal(s->listen[1].port, 9377);
        assert_true(s->listen[1].optional);
        assert_string_equal(s->listen[2].path, "/run/eqp-broker/eqp-broker.sock");
        assert_int_equal(s->listen[2].kind, LISTEN_UNIX);
        assert_false(s->listen[2].optional);
        assert_null(s->keys_directory);
        assert_false(s->key_permissions_relaxed);
        assert_false(s->ready_when_listening);
        assert_true(s->metrics);
        assert_int_equal(s->max_connections, 512);
        assert_int_equal(s->max_connections_per_user, 64);
        assert_int_equal(s->allow.n, 2);
        assert_int_equal(s->allow.rules[0].kind, ACCESS_RULE_UID);
        assert_int_equal(s->allow.rules[0].id, 0);
        assert_true(s->allow.rules[0].resolved);
        assert_false(s->allow.rules[0].optional);
        assert_int_equal(s->allow.rules[1].kind, ACCESS_RULE_GROUP);
        assert_string_equal(s->allow.rules[1].name, "eqp-broker");
        assert_false(s->allow.rules[1].resolved);
        assert_true(s->allow.rules[1].optional);
        assert_int_equal(s->operators.n, 1);
        assert_int_equal(s->operators.rules[0].kind, ACCESS_RULE_UID);
        assert_int_equal(s->operators.rules[0].id, 0);

        assert_int_equal(s->n_environments, 2);
        assert_string_equal(s->environments[0].name, "production");
        assert_string_equal(s->environments[0].base_url, "https://commercedeveloper-api.adobe.com");
        assert_string_equal(s->environments[1].name, "sandbox");
        assert_string_equal(s->environments[1].base_url, "https://commercedeveloper-sandbox-api.adobe.com");
        e = &s->environments[0];
        assert_int_equal(e->lifetime_sec, 7200);
        assert_int_equal(e->connect_timeout_usec, 10 * USEC_PER_SEC);
        assert_int_equal(e->exchange_timeout_usec, 20 * USEC_PER_SEC);
        assert_null(e->ca_file);
        assert_null(e->place);
        assert_false(e->has_allow);
        assert_false(e->has_operators);
        assert_ptr_equal(settings_environment(s, "production"), e);
        assert_null(settings_environment(s, "agency"));
}

static void freeing_nothing_is_fine(void **state)
{
        struct settings *settings = NULL;

        assert_null(settings_free(NULL));
        settings_freep(&settings);
}

static void environments_are_added_in_order(void **state)
{
        _cleanup_(settings_freep) struct settings *s =
                read_good("[environment zeta]\nbase_url = https://z.example\n"
                          "[environment sandbox]\nlifetime = 1h\n"
                          "[environment   a]\nbase_url = https://a.example\n"
                          "[environment aaaaaaaaaabbbbbbbbbbccccccccccdd]\nbase_url = https://b.example\n"
                          "[environment zeta]\nlifetime = 2min\n");

        assert_int_equal(s->n_environments, 5);
        assert_string_equal(s->environments[0].name, "production");
        assert_string_equal(s->environments[1].name, "sandbox");
        assert_int_equal(s->environments[1].lifetime_sec, 3600);
        assert_string_equal(s->environments[2].name, "zeta");
        assert_string_equal(s->environments[2].base_url, "https://z.example");
        assert_int_equal(s->environments[2].lifetime_sec, 120);
        assert_string_equal(s->environments[2].place, "a.conf:1");
        assert_string_equal(s->environments[3].name, "a");
        assert_string_equal(s->environments[4].name, "aaaaaaaaaabbbbbbbbbbccccccccccdd");
        assert_int_equal(s->environments[0].lifetime_sec, 7200);
}

static void environments_are_limited(void **state)
{
        char text[8192];
        size_t used = 0;

        for (int i = 0; i < 30; i++) {
                used += (size_t)snprintf(text + used, sizeof(text) - used,
                                         "[environment e%d]\nbase_url = https://h.example\n", i);
        }
        {
                _cleanup_(settings_freep) struct settings *s = read_good(text);

                assert_int_equal(s->n_environments, SETTINGS_ENVIRONMENTS_MAX);
        }
        (void)snprintf(text + used, sizeof(text) - used, "[environment e30]\n");
        expect_error(text, "a.conf:61: there are too many environments: 32 can be had");
}

static void an_environment_needs_a_base_url(void **state)
{
        expect_error("\n[environment agency]\nlifetime = 1h\n\n[environment agency]\n",
                     "a.conf:2: [environment agency] has no base_url: write base_url = https://HOST");
}

static void later_files_override(void **state)
{
        _cleanup_(settings_freep) struct settings *s = NULL;
        static const char first[] =
                "[broker]\nmetrics = no\nmax_connections = 100\nkeys_directory = /a\n"
                "listen = 127.0.0.1:1\nlisten = 127.0.0.1:2\nallow = user:a\nallow = user:b\n"
                "[environment sandbox]\nlifetime = 1h\nallow = user:c\nca_file = /ca\n"
                "account = A\nbase_url = https://a.example\n";
        static const char second[] =
                "[broker]\nmetrics = yes\nlisten = 127.0.0.1:3\nallow = user:d\nkeys_directory = /b\n"
                "[environment sandbox]\nallow = user:e\n[broker]\nallow = user:f\n"
                "[environment sandbox]\nca_file = /cb\naccount = B\nbase_url = https://b.example\n";
        char message[SETTINGS_ERROR_MAX];
        const struct environment_settings *e;

        assert_int_equal(settings_new(&s), 0);
        assert_int_equal(read_bytes(s, first, strlen(first), message), 0);
        assert_int_equal(read_bytes(s, second, strlen(second), message), 0);
        assert_int_equal(settings_finish(s, message), 0);

        assert_true(s->metrics);
        assert_int_equal(s->max_connections, 100);
        assert_string_equal(s->keys_directory, "/b");
        assert_int_equal(s->n_listen, 1);
        assert_int_equal(s->listen[0].port, 3);
        assert_int_equal(s->allow.n, 2);
        assert_string_equal(s->allow.rules[0].name, "d");
        assert_string_equal(s->allow.rules[1].name, "f");
        e = settings_environment(s, "sandbox");
        assert_int_equal(e->lifetime_sec, 3600);
        assert_string_equal(e->account, "B");
        assert_string_equal(e->ca_file, "/cb");
        assert_string_equal(e->base_url, "https://b.example");
        assert_int_equal(e->allow.n, 1);
        assert_string_equal(e->allow.rules[0].name, "e");
}

static void repeated_keys(void **state)
{
        expect_error("[broker]\nmetrics = no\nmetrics = no\n",
                     "a.conf:3: metrics is set twice in this file: leave one of the two out");
        expect_error("[broker]\nready = listening\n[environment sandbox]\n[broker]\n\nready = listening\n",
                     "a.conf:6: ready is set twice in this file: leave one of the two out");
        expect_error("[environment a]\nlifetime = 1h\n[environment b]\nlifetime = 1h\n[environment "
                     "a]\nlifetime = 1h\n",
                     "a.conf:6: lifetime is set twice in this file: leave one of the two out");
}

/* Written out as it is, the default stays the default: the entries that a host may lack stay optional. */
static void a_default_written_out_is_the_default(void **state)
{
        _cleanup_(settings_freep) struct settings *s = read_good(
                "[broker]\nlisten = 127.0.0.1:9377\nlisten = [::1]:9377\n"
                "listen = /run/eqp-broker/eqp-broker.sock\nallow = uid:0\nallow = group:eqp-broker\n");
        _cleanup_(settings_freep) struct settings *other = read_good(
                "[broker]\nlisten = 127.0.0.1:9377\nlisten = [::1]:9377\nallow = group:eqp-broker\n");

        assert_true(s->listen[1].optional);
        assert_true(s->allow.rules[1].optional);
        assert_false(other->listen[1].optional);
        assert_false(other->allow.rules[0].optional);
}

static void connections_per_user_fit_into_all(void **state)
{
        _cleanup_(settings_freep) struct settings *small = read_good("[broker]\nmax_connections = 20\n");
        _cleanup_(settings_freep) struct settings *equal =
                read_good("[broker]\nmax_connections = 20\nmax_connections_per_user = 20\n");

        assert_int_equal(small->max_connections_per_user, 20);
        assert_int_equal(equal->max_connections_per_user, 20);
        expect_error("[broker]\nmax_connections = 20\nmax_connections_per_user = 21\n",
                     "configuration: max_connections_per_user = 21 is more than max_connections = 20: lower "
                     "the first "
                     "or raise the second");
}

/* The reader of settings checks names first; this is the door itself. */
static void an_environment_needs_a_good_name(void **state)
{
        static const char *const bad[] = { "", "Sandbox", "1st", "a b", "v1", "livez" };
        _cleanup_(settings_freep) struct settings *s = NULL;
        struct environment_settings *e = NULL;
        size_t n;

        assert_int_equal(settings_new(&s), 0);
        n = s->n_environments;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                assert_int_equal(settings_add_environment(s, bad[i], &e), -EINVAL);
        }
        assert_null(e);
        assert_int_equal(s->n_environments, n);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(no_file_means_the_defaults),
                cmocka_unit_test(freeing_nothing_is_fine),
                cmocka_unit_test(environments_are_added_in_order),
                cmocka_unit_test(environments_are_limited),
                cmocka_unit_test(an_environment_needs_a_good_name),
                cmocka_unit_test(an_environment_needs_a_base_url),
                cmocka_unit_test(later_files_override),
                cmocka_unit_test(repeated_keys),
                cmocka_unit_test(a_default_written_out_is_the_default),
                cmocka_unit_test(connections_per_user_fit_into_all),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

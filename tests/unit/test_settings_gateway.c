/* The sections [gateway ENVIRONMENT] and [local NAME]: forms that are read, written, and refused. */
#include "lib/settings_key.h"
#include "tests/unit/settings_text.h"

#include <stdio.h>

#define HASH     "50d858e0985ecc7f60418aaf0cc5ab587f42c2570a884095a9e8ccacd0f6545c"
#define OLD_HASH "0123456789ABCDEFabcdef0123456789ABCDEFabcdef0123456789abcdef0123"
#define KEY      "environment = sandbox\nid = lk-a\nsecret_sha256 = " HASH "\n"

static void the_gateway(void **state)
{
        _cleanup_(settings_freep) struct settings *s = read_good(
                "[environment sandbox]\ngateway = yes\n[gateway sandbox]\nallow = any GET /rest/v1/a\n"
                "deny = user:bob  PUT,POST\t/rest/v1/**\nallow = local:k * /rest/v1/{mage_id}\n"
                "encoded_slash = yes\nbody_max = 100KiB\nanswer_timeout = 2min\n");
        const struct environment_settings *sandbox = settings_environment(s, "sandbox");
        const struct environment_settings *production = settings_environment(s, "production");
        const struct gateway_rule *rules = sandbox->gateway_rules.rules;

        assert_true(sandbox->gateway && sandbox->encoded_slash);
        assert_int_equal(sandbox->gateway_body_max, 102400);
        assert_int_equal(sandbox->gateway_answer_timeout_usec, 2 * USEC_PER_MIN);
        assert_int_equal(sandbox->gateway_rules.n, 3);
        assert_false(rules[0].deny);
        assert_string_equal(rules[0].place, "a.conf:4");
        assert_true(rules[1].deny);
        assert_string_equal(rules[1].place, "a.conf:5");
        assert_string_equal(rules[1].methods, "PUT,POST");
        assert_int_equal(rules[2].who.kind, ACCESS_RULE_LOCAL);

        assert_false(production->gateway || production->encoded_slash);
        assert_int_equal(production->gateway_body_max, 64 * 1024 * 1024);
        assert_int_equal(production->gateway_answer_timeout_usec, USEC_PER_MIN);
        assert_int_equal(production->gateway_rules.n, 0);
}

static void a_local_key(void **state)
{
        _cleanup_(settings_freep) struct settings *s = read_good(
                "[local reports]\n" KEY "secret_sha256_old = " OLD_HASH
                "\nold_until = 2026-12-31T12:00:00Z\ncaller = user:reports\ncaller = gid:7\n"
                "allow = GET /rest/v1/a\nallow = * /rest/v1/b/**\nexpires = 2027-06-30\ntoken = real\n"
                "[local B_2.x-]\nenvironment = production\nid = lk-b\nsecret_sha256 = " HASH "\n");
        const struct local_key *key = settings_local_key(s, "reports");

        assert_int_equal(s->n_local_keys, 2);
        assert_ptr_equal(key, &s->local_keys[0]);
        assert_string_equal(key->place, "a.conf:1");
        assert_string_equal(key->environment, "sandbox");
        assert_string_equal(key->id, "lk-a");
        assert_int_equal(key->secret_hash[0], 0x50);
        assert_int_equal(key->secret_hash[31], 0x5c);
        assert_true(key->has_old);
        assert_int_equal(key->old_secret_hash[5], 0xab);
        assert_int_equal(key->old_until_sec, INT64_C(1798718400));
        assert_int_equal(key->callers.n, 2);
        assert_int_equal(key->rules.n, 2);
        assert_string_equal(key->rules.rules[1].place, "a.conf:10");
        assert_int_equal(key->expires_sec, INT64_C(1814400000));
        assert_true(key->real);

        key = settings_local_key(s, "B_2.x-");
        assert_ptr_equal(key, &s->local_keys[1]);
        assert_false(key->real || key->has_old);
        assert_int_equal(key->expires_sec, 0);
        assert_int_equal(key->callers.n + key->rules.n, 0);
        assert_null(settings_local_key(s, "b_2.x-"));
        assert_null(settings_local_key(s, ""));
}

/* In an environment's section, to which one with real tokens may be let under /v1/; an operator it is never.
 */
static void a_local_key_that_is_allowed(void **state)
{
        _cleanup_(settings_freep) struct settings *settings =
                read_good("[environment sandbox]\nallow = uid:7\nallow = local:reports\n");
        const struct environment_settings *sandbox = settings_environment(settings, "sandbox");
        const struct caller_identity caller = { .uid = 8, .local = "reports" };
        _cleanup_free_ char *text = settings_format(settings);

        assert_int_equal(sandbox->allow.n, 2);
        assert_int_equal(sandbox->allow.rules[1].kind, ACCESS_RULE_LOCAL);
        assert_string_equal(sandbox->allow.rules[1].name, "reports");
        assert_false(access_rules_allow(&sandbox->allow, &caller)); /* it is no rule about callers */
        assert_non_null(text);
        assert_non_null(strstr(text, "\nallow = local:reports\n"));
        expect_error("[environment sandbox]\noperators = local:reports\n",
                     "a.conf:2: operators = local:reports: a local key opens what its own section says, and "
                     "[gateway ENVIRONMENT]: write this rule there");
}

static void values_that_make_no_sense(void **state)
{
        static const struct {
                const char *section, *line, *message;
        } rows[] = {
                { "environment sandbox", "gateway = on", "gateway = on: write yes or no" },
                { "gateway sandbox", "allow = GET /rest/v1/a",
                  "allow = GET /rest/v1/a: write WHO METHODS PATTERN, such as user:ci GET "
                  "/rest/v1/reports/**" },
                { "gateway sandbox", "deny = any GET /rest/v2/a",
                  "deny = any GET /rest/v2/a: a pattern begins with /rest/v1/, such as "
                  "/rest/v1/reports/**" },
                { "gateway sandbox", "allow = unit:a.service GET /rest/v1/a",
                  "allow = unit:a.service GET /rest/v1/a: the gateway's rules go by users, groups and "
                  "local keys, not by units: write the user:NAME that the unit runs as, or the local:NAME "
                  "of a key that it uses" },
                { "gateway sandbox", "encoded_slash = 1", "encoded_slash = 1: write yes or no" },
                { "gateway sandbox", "body_max = 1023",
                  "body_max = 1023: write a size from 1KiB to 1024GiB, such as 512KiB or 64MiB" },
                { "gateway sandbox", "body_max = 1025GiB",
                  "body_max = 1025GiB: write a size from 1KiB to 1024GiB, such as 512KiB or 64MiB" },
                { "gateway sandbox", "body_max = 64MB",
                  "body_max = 64MB: write a size from 1KiB to 1024GiB, such as 512KiB or 64MiB" },
                { "gateway sandbox", "answer_timeout = 2h",
                  "answer_timeout = 2h: write a duration from 1s to 1h, such as 90, 90s, 15min, 2h or "
                  "1d" },
                { "local a", "environment = Sandbox",
                  "environment = Sandbox: write the name of an environment, such as production" },
                { "local a", "id = -a",
                  "id = -a: write 1 to 64 of A-Z a-z 0-9 . _ -, the first one a letter or digit" },
                { "local a", "id = a:b",
                  "id = a:b: write 1 to 64 of A-Z a-z 0-9 . _ -, the first one a letter or digit" },
                { "local a", "secret_sha256 = word",
                  "secret_sha256 = word: write the SHA-256 of the secret, 64 hexadecimal digits, not the "
                  "secret itself; "
                  "eqpctl local add makes both" },
                { "local a", "secret_sha256 = 8820c99614d65f923df7660276f20e029d73e2ca",
                  "secret_sha256 = (a value that is not repeated here): write the SHA-256 of the secret, 64 "
                  "hexadecimal "
                  "digits, not the secret itself; eqpctl local add makes both" },
                { "local a", "secret_sha256_old = " HASH "0",
                  "secret_sha256_old = (a value that is not repeated here): write the SHA-256 of the "
                  "secret, 64 "
                  "hexadecimal digits, not the secret itself; eqpctl local add makes both" },
                { "local a", "old_until = tomorrow",
                  "old_until = tomorrow: write the last day, such as 2027-06-30, or a moment in UTC, such "
                  "as "
                  "2027-06-30T12:00:00Z" },
                { "local a", "expires = 2027-02-29",
                  "expires = 2027-02-29: write the last day, such as 2027-06-30, or a moment in UTC, such "
                  "as "
                  "2027-06-30T12:00:00Z" },
                { "local a", "caller = unit:a.service",
                  "caller = unit:a.service: a unit gets its token and cannot ask for anything else: write "
                  "user:NAME, "
                  "uid:NUMBER, group:NAME or gid:NUMBER" },
                { "local a", "caller = local:b",
                  "caller = local:b: a local key opens what its own section says, and [gateway "
                  "ENVIRONMENT]: write this "
                  "rule there" },
                { "broker", "allow = local:b",
                  "allow = local:b: a local key opens what its own section says, and [gateway ENVIRONMENT]: "
                  "write this "
                  "rule there" },
                { "local a", "allow = any GET /rest/v1/a",
                  "allow = any GET /rest/v1/a: write METHODS PATTERN, such as GET /rest/v1/reports/**" },
                { "local a", "token = yes", "token = yes: write real or opaque" },
                { "local a", "deny = any GET /rest/v1/a", "deny belongs into [gateway ENVIRONMENT]" },
                { "local a", "operators = any", "operators belongs into [broker]" },
                { "broker", "expires = 2027-06-30", "expires belongs into [local NAME]" },
                { "gateway sandbox", "gateway = yes", "gateway belongs into [environment NAME]" },
                { "gateway sandbox", "bodymax = 5", "unknown key bodymax: did you mean body_max?" },
                { "local a", "secret = 5",
                  "unknown key secret: known here: environment, id, secret_sha256, secret_sha256_old, "
                  "old_until, caller, "
                  "allow, expires, token" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                char text[512], expected[SETTINGS_ERROR_MAX];

                (void)snprintf(text, sizeof(text), "[%s]\n%s\n", rows[i].section, rows[i].line);
                (void)snprintf(expected, sizeof(expected), "a.conf:2: %s", rows[i].message);
                expect_error(text, expected);
        }
}

static void headings(void **state)
{
        expect_error("[local]\n", "a.conf:1: the name is missing: write [local NAME]");
        expect_error("[gateway]\n", "a.conf:1: the name is missing: write [gateway ENVIRONMENT]");
        expect_error("[local .a]\n",
                     "a.conf:1: this is no name of a local key: write up to 32 of A-Z a-z 0-9 _ . -, "
                     "the first one no dot and no hyphen");
        expect_error("[local a b]\n",
                     "a.conf:1: this is no name of a local key: write up to 32 of A-Z a-z 0-9 _ . -, "
                     "the first one no dot and no hyphen");
        expect_error("[gateway v1]\n", "a.conf:1: this is no name of an environment: write a letter of a-z, "
                                       "then up to 31 of a-z 0-9 -, "
                                       "and not v1, livez, readyz or metrics");
        expect_error("[gateway agency]\n",
                     "a.conf:1: [environment agency] has no base_url: write base_url = "
                     "https://HOST");
}

static void needs_of_a_local_key(void **state)
{
        expect_error("[local a]\n", "a.conf:1: [local a] has no environment: write environment = NAME");
        expect_error("[local a]\nenvironment = agency\n", "a.conf:1: [local a] is for an environment that "
                                                          "there is not: correct its name, or configure it "
                                                          "in a section [environment NAME]");
        expect_error("[local a]\nenvironment = sandbox\n",
                     "a.conf:1: [local a] has no id: write id = ID, or have eqpctl local add make one");
        expect_error("[local a]\nenvironment = sandbox\nid = a\n",
                     "a.conf:1: [local a] has no secret_sha256: write secret_sha256 = 64 hexadecimal "
                     "digits, or have "
                     "eqpctl local add make one");
        expect_error("[local a]\n" KEY "secret_sha256_old = " HASH "\n",
                     "a.conf:1: [local a] has secret_sha256_old, but not until when it is good: write "
                     "old_until = DATE");
        expect_error("[local a]\n" KEY "old_until = 2027-01-01\n",
                     "a.conf:1: [local a] has old_until, but no secret_sha256_old: leave it out");
        expect_error("[local a]\n" KEY "[local b]\n" KEY,
                     "a.conf:5: [local b] has the id of [local a] (a.conf:1): give each its own");
        expect_error("[local a]\n" KEY "id = lk-b\n",
                     "a.conf:5: id is set twice in this file: leave one of the two out");
        expect_error("[local a]\n" KEY "[broker]\n[local a]\ntoken = real\ntoken = real\n",
                     "a.conf:8: token is set twice in this file: leave one of the two out");
}

/* A later file overrides, key by key; its lists take the place of earlier ones of the same key. */
static void later_files(void **state)
{
        static const char first[] = "[gateway sandbox]\nallow = any GET /rest/v1/a\ndeny = any GET "
                                    "/rest/v1/b\nallow = any GET /rest/v1/c\n"
                                    "[local a]\n" KEY "allow = GET /rest/v1/a\ncaller = any\n[local b]\n"
                                    "environment = sandbox\nid = lk-b\nsecret_sha256 = " HASH "\n";
        static const char second[] =
                "[local c]\nenvironment = sandbox\nid = lk-c\nsecret_sha256 = " HASH "\n"
                "[gateway sandbox]\nallow = any GET /rest/v1/d\nallow = any GET /rest/v1/e\n"
                "[local a]\nid = lk-aa\nallow = GET /rest/v1/f\n";
        _cleanup_(settings_freep) struct settings *s = NULL;
        const struct gateway_rules *rules;
        char message[SETTINGS_ERROR_MAX] = "";

        assert_int_equal(settings_new(&s), 0);
        assert_int_equal(settings_read(s, "a.conf", first, strlen(first), message), 0);
        assert_int_equal(settings_read(s, "b.conf", second, strlen(second), message), 0);
        assert_int_equal(settings_finish(s, message), 0);

        rules = &settings_environment(s, "sandbox")->gateway_rules;
        assert_int_equal(rules->n, 3);
        assert_string_equal(rules->rules[0].place, "a.conf:3");
        assert_true(rules->rules[0].deny);
        assert_string_equal(rules->rules[1].place, "b.conf:6");
        assert_string_equal(rules->rules[2].pattern, "/rest/v1/e");
        assert_int_equal(s->n_local_keys, 3);
        assert_string_equal(settings_local_key(s, "a")->id, "lk-aa");
        assert_string_equal(settings_local_key(s, "a")->place, "a.conf:5");
        assert_int_equal(settings_local_key(s, "a")->rules.n, 1);
        assert_string_equal(settings_local_key(s, "a")->rules.rules[0].pattern, "/rest/v1/f");
        assert_int_equal(settings_local_key(s, "a")->callers.n, 1);
        assert_string_equal(settings_local_key(s, "c")->id, "lk-c");
}

static void too_many_rules(void **state)
{
        char text[8192] = "[gateway sandbox]\n";

        for (int i = 0; i < GATEWAY_RULES_MAX; i++) {
                strcat(text, i % 2 ? "deny = any GET /rest/v1/a\n" : "allow = any GET /rest/v1/a\n");
        }
        settings_free(read_good(text));
        strcat(text, "deny = any GET /rest/v1/b\n");
        expect_error(text, "a.conf:66: deny = any GET /rest/v1/b: there are too many rules: write 64 at "
                           "most, or shorter "
                           "patterns that end with **");
}

/* Any number of keys, in any order, and each is found. */
static void many_local_keys(void **state)
{
        enum { N = 3000 };
        _cleanup_free_ char *text = NULL, *once = NULL, *twice = NULL;
        _cleanup_(settings_freep) struct settings *s = NULL, *again = NULL;
        char message[SETTINGS_ERROR_MAX] = "", name[32];
        size_t size;
        FILE *file = open_memstream(&text, &size);

        assert_non_null(file);
        for (unsigned i = 0; i < N; i++) {
                unsigned k = i * 1013 % N;

                (void)fprintf(file,
                              "[local k%u]\nenvironment = sandbox\nid = i%u\nsecret_sha256 = " HASH "\n", k,
                              k);
        }
        assert_int_equal(fclose(file), 0);
        s = read_good(text);
        assert_int_equal(s->n_local_keys, N);
        for (unsigned i = 0; i < N; i++) {
                (void)snprintf(name, sizeof(name), "k%u", i);
                assert_non_null(settings_local_key(s, name));
                assert_int_equal(settings_local_key(s, name)->id[0], 'i');
                assert_string_equal(settings_local_key(s, name)->id + 1, name + 1);
        }
        once = settings_format(s);
        assert_int_equal(settings_new(&again), 0);
        assert_int_equal(settings_read(again, "b.conf", once, strlen(once), message), 0);
        twice = settings_format(again);
        assert_string_equal(once, twice);
}

static void written_and_read_again(void **state)
{
        static const char text[] =
                "[environment sandbox]\ngateway = yes\n[gateway sandbox]\ndeny = any * /rest/v1/**\n"
                "allow = group:g GET,PUT /rest/v1/a/\nencoded_slash = yes\nbody_max = 1MiB\nanswer_timeout "
                "= 1h\n"
                "[gateway production]\nanswer_timeout = 90s\n[local a]\n" KEY "secret_sha256_old = " OLD_HASH
                "\nold_until = 2026-12-31T12:00:00Z\ncaller = uid:5\nallow = * "
                "/rest/v1/{mage_id}/*\nexpires = "
                "2027-06-30\ntoken = real\n";
        _cleanup_(settings_freep) struct settings *s = read_good(text), *again = NULL;
        _cleanup_free_ char *once = settings_format(s), *twice = NULL;

        assert_non_null(once);
        assert_non_null(strstr(
                once,
                "\n[gateway production]\nencoded_slash = no\nbody_max = 64MiB\nanswer_timeout = 90s\n"
                "\n[gateway sandbox]\ndeny = any * /rest/v1/**\nallow = group:g GET,PUT /rest/v1/a/\n"
                "encoded_slash = yes\nbody_max = 1MiB\nanswer_timeout = 1h\n"
                "\n[local a]\nenvironment = sandbox\nid = lk-a\nsecret_sha256 = " HASH
                "\nsecret_sha256_old = 0123456789abcdefabcdef0123456789abcdefabcdef0123456789abcdef0123\n"
                "old_until = 2026-12-31T12:00:00Z\ncaller = uid:5\nallow = * /rest/v1/{mage_id}/*\n"
                "expires = 2027-06-30\ntoken = real\n"));
        again = read_good(once);
        twice = settings_format(again);
        assert_string_equal(once, twice);
}

static void copies_of_local_keys(void **state)
{
        _cleanup_(settings_freep) struct settings *s =
                read_good("[local a]\n" KEY "caller = uid:5\nallow = GET /rest/v1/a\n");
        struct local_key copy = { 0 };

        assert_int_equal(local_key_copy(&copy, &s->local_keys[0]), 0);
        s = settings_free(s);
        assert_string_equal(copy.name, "a");
        assert_int_equal(copy.callers.rules[0].id, 5);
        assert_string_equal(copy.rules.rules[0].pattern, "/rest/v1/a");
        local_key_clear(&copy);
        assert_int_equal(copy.callers.n + copy.rules.n, 0);
        local_key_clear(&copy);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_gateway),
                cmocka_unit_test(a_local_key),
                cmocka_unit_test(a_local_key_that_is_allowed),
                cmocka_unit_test(values_that_make_no_sense),
                cmocka_unit_test(headings),
                cmocka_unit_test(needs_of_a_local_key),
                cmocka_unit_test(later_files),
                cmocka_unit_test(too_many_rules),
                cmocka_unit_test(many_local_keys),
                cmocka_unit_test(written_and_read_again),
                cmocka_unit_test(copies_of_local_keys),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

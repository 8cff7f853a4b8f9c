/* Names: every byte in every kind of place, every length at its limit, and the names of key files. */
#include "lib/names.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <errno.h>

#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

typedef bool (*judge)(const char *name, size_t length);

/* Judges "BYTE" for every byte, then "aBYTEa". */
static void expect_alphabet(judge valid, const char *first, const char *others)
{
        for (int c = 0; c <= 255; c++) {
                char alone[] = { (char)c };
                char inner[] = { 'a', (char)c, 'a' };

                assert_int_equal(valid(alone, 1), c != 0 && strchr(first, c) != NULL);
                assert_int_equal(valid(inner, 3), c != 0 && strchr(others, c) != NULL);
        }
}

static void expect_lengths(judge valid, size_t max)
{
        char name[128];

        memset(name, 'a', sizeof(name));
        for (size_t length = 0; length <= sizeof(name); length++) {
                assert_int_equal(valid(name, length), length >= 1 && length <= max);
        }
}

static void environment_names(void **state)
{
        expect_alphabet(environment_name_valid, LOWER, LOWER DIGITS "-");
        expect_lengths(environment_name_valid, ENVIRONMENT_NAME_MAX);
}

static void reserved_words_are_no_environments(void **state)
{
        static const char *const reserved[] = { "v1", "livez", "readyz", "metrics" };
        static const char *const close[] = { "v",     "v2",     "v11",       "live",  "livezz",
                                             "ready", "metric", "metrics-2", "status" };

        for (size_t i = 0; i < ARRAY_SIZE(reserved); i++) {
                assert_false(environment_name_valid(reserved[i], strlen(reserved[i])));
        }
        for (size_t i = 0; i < ARRAY_SIZE(close); i++) {
                assert_true(environment_name_valid(close[i], strlen(close[i])));
        }

        /* The length counts, not the NUL. */
        assert_true(environment_name_valid("metrics", 6));
        assert_false(environment_name_valid("v1/token", 2));
}

static void key_labels(void **state)
{
        expect_alphabet(key_label_valid, LOWER UPPER DIGITS "_", LOWER UPPER DIGITS "._-");
        expect_lengths(key_label_valid, KEY_LABEL_MAX);
}

static void plain_client_names(void **state)
{
        static const char *const plain[] = { "nightly",     "shop-import", "ShopImport2", "shopImport",
                                             "EQP.ci/2026", "a",           "web01",       "deploy@ci",
                                             "x-1",         "_a_",         "my-app-2026" };
        static const char *const others[] = {
                "",
                "AQ17NZ49WC", /* an application ID */
                "8820c99614d65f923df7660276f20e029d73e2ca",
                "baGXoStRuR9VCDFQGZNzgNqbqu5WUwlr.cAxZJ9m22Le7",
                "550e8400-e29b-41d4-a716-446655440000",
                "MAG123456789",
                "20261128",
                "a8f3k2x9qz",
                "QWERTZUIOP",
                "a b",
                "aaaaaaaaaabbbbbbbbbbccccc",
                "web0001",
                "\u00e4pfel",
        };

        for (size_t i = 0; i < ARRAY_SIZE(plain); i++) {
                if (!client_name_is_plain(plain[i])) {
                        fail_msg("'%s' is a plain name", plain[i]);
                }
        }
        for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
                if (client_name_is_plain(others[i])) {
                        fail_msg("'%s' is no plain name", others[i]);
                }
        }
}

static void client_names(void **state)
{
        expect_alphabet(client_name_valid, LOWER UPPER DIGITS "._/@-", LOWER UPPER DIGITS "._/@-");
        expect_lengths(client_name_valid, CLIENT_NAME_MAX);
}

static void key_file_names_are_split(void **state)
{
        static const struct {
                const char *file_name, *environment, *label;
        } rows[] = {
                { "sandbox", "sandbox", "" },
                { "s", "s", "" },
                { "production.1-main", "production", "1-main" },
                { "production.2-spare", "production", "2-spare" },
                { "production.a.b", "production", "a.b" },
                { "agency-7._", "agency-7", "_" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                char environment[ENVIRONMENT_NAME_MAX + 1], label[KEY_LABEL_MAX + 1];

                assert_int_equal(key_file_name_parse(rows[i].file_name, environment, label), 0);
                assert_string_equal(environment, rows[i].environment);
                assert_string_equal(label, rows[i].label);
        }
}

static void the_longest_file_name_is_split(void **state)
{
        char environment[ENVIRONMENT_NAME_MAX + 1], label[KEY_LABEL_MAX + 1];

        assert_int_equal(
                key_file_name_parse("aaaaaaaaaabbbbbbbbbbccccccccccdd.aaaaaaaaaabbbbbbbbbbccccccccccDD",
                                    environment, label),
                0);
        assert_string_equal(environment, "aaaaaaaaaabbbbbbbbbbccccccccccdd");
        assert_string_equal(label, "aaaaaaaaaabbbbbbbbbbccccccccccDD");
}

static void other_file_names_are_refused(void **state)
{
        static const char *const names[] = {
                "",
                ".",
                "..",
                "..data",
                ".sandbox",
                "sandbox.",
                "sandbox..a",
                "sandbox.-a",
                "sandbox.a~",
                "sandbox~",
                "Sandbox",
                "README",
                "1sandbox",
                "v1",
                "v1.main",
                "metrics.1",
                "sandbox.a b",
                "sandbox/a",
                "sand box",
                "sandbox.é",
                "sandbox\n",
                "sandbox.a\n",
                "aaaaaaaaaabbbbbbbbbbccccccccccddd",
                "a.aaaaaaaaaabbbbbbbbbbccccccccccddd",
        };

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                char environment[ENVIRONMENT_NAME_MAX + 1] = "kept", label[KEY_LABEL_MAX + 1] = "kept";

                assert_int_equal(key_file_name_parse(names[i], environment, label), -EINVAL);
                assert_string_equal(environment, "kept");
                assert_string_equal(label, "kept");
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(environment_names),
                cmocka_unit_test(reserved_words_are_no_environments),
                cmocka_unit_test(key_labels),
                cmocka_unit_test(client_names),
                cmocka_unit_test(plain_client_names),
                cmocka_unit_test(key_file_names_are_split),
                cmocka_unit_test(the_longest_file_name_is_split),
                cmocka_unit_test(other_file_names_are_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

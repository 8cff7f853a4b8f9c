/* The sample file and the manual keep up with the table of keys: the sample says nothing but the defaults,
 * and every key is in both. The files are named by the environment, EQP_SAMPLE_FILE and EQP_SETTINGS_MANUAL.
 */
#include "lib/settings_key.h"
#include "tests/unit/settings_text.h"

#include <ctype.h>
#include <stdio.h>

static char *read_file(const char *variable)
{
        const char *name = getenv(variable);
        _cleanup_free_ char *text = calloc(1, SETTINGS_TEXT_MAX + 1);
        size_t n;
        FILE *file;

        assert_non_null(text);
        if (!name) {
                fail_msg("%s is not set", variable);
        }
        file = fopen(name, "re");
        if (!file) {
                fail_msg("cannot open %s", name);
        }
        n = fread(text, 1, SETTINGS_TEXT_MAX, file);
        assert_int_equal(fclose(file), 0);
        assert_true(n > 0);
        return take_ptr(text);
}

/* Settings are commented out with a bare #, words with a # and a space. */
static void uncomment(char *text)
{
        char *to = text;

        for (const char *from = text; *from != '\0'; from++) {
                if (*from != '#' || (from > text && from[-1] != '\n') ||
                    (!islower((unsigned char)from[1]) && from[1] != '[')) {
                        *to++ = *from;
                }
        }
        *to = '\0';
}

static void as_it_is_it_changes_nothing(void **state)
{
        _cleanup_free_ char *sample = read_file("EQP_SAMPLE_FILE");
        _cleanup_(settings_freep) struct settings *from_sample = read_good(sample),
                                                  *defaults = read_good("");
        _cleanup_free_ char *a = settings_format(from_sample), *b = settings_format(defaults);

        assert_string_equal(a, b);
}

static void uncommented_it_says_the_defaults(void **state)
{
        _cleanup_free_ char *sample = read_file("EQP_SAMPLE_FILE"), *a = NULL, *b = NULL;
        _cleanup_(settings_freep) struct settings *from_sample = NULL, *defaults = read_good("");
        struct environment_settings *production;

        uncomment(sample);
        from_sample = read_good(sample);

        /* The examples, and the directory whose default depends on the service manager. */
        assert_string_equal(from_sample->keys_directory, "/etc/eqp-broker/keys");
        free(take_ptr(from_sample->keys_directory));
        assert_true(from_sample->has_socket_group);
        from_sample->has_socket_group = false;
        production = &from_sample->environments[0];
        assert_string_equal(production->account, "MAG123456789");
        free(take_ptr(production->account));
        assert_non_null(production->ca_file);
        free(take_ptr(production->ca_file));
        assert_true(production->has_allow && production->has_operators);
        production->has_allow = production->has_operators = false;
        assert_int_equal(from_sample->n_environments, 3);
        assert_string_equal(from_sample->environments[2].name, "agency");
        from_sample->n_environments = 2;
        assert_int_equal(production->gateway_rules.n, 4);
        gateway_rules_clear(&production->gateway_rules);
        assert_int_equal(from_sample->n_local_keys, 1);
        assert_string_equal(from_sample->local_keys[0].name, "reports");
        from_sample->n_local_keys = 0;
        assert_int_equal(from_sample->share.n_stores, 1);
        assert_non_null(from_sample->share.username);
        from_sample->share.n_stores = 0;

        a = settings_format(from_sample);
        b = settings_format(defaults);
        from_sample->n_environments = 3;
        from_sample->n_local_keys = 1;
        assert_string_equal(a, b);
        assert_true(from_sample->listen[1].optional);
        assert_true(from_sample->allow.rules[1].optional);
}

/* The part of the text about each kind of section, in the order of settings_sections[]: from its mark to the
 * next. Each row has to be in the part of its section, and in no part of a section that has no such key. */
static void expect_every_key(const char *text, const char *const *marks, const char *before,
                             const char *behind)
{
        for (size_t i = 0; settings_sections[i]; i++) {
                const char *begin = strstr(text, marks[i]);
                const char *end = settings_sections[i + 1] ? strstr(text, marks[i + 1]) : NULL;
                _cleanup_free_ char *part = NULL;

                assert_non_null(begin);
                part = end ? strndup(begin, (size_t)(end - begin)) : strdup(begin);
                assert_non_null(part);
                for (size_t j = 0; settings_sections[j]; j++) {
                        for (size_t k = 0; k < settings_sections[j]->n; k++) {
                                const char *name = settings_sections[j]->list[k].name;
                                bool has = false;
                                char wanted[64];

                                for (size_t l = 0; l < settings_sections[i]->n; l++) {
                                        has = has || streq(settings_sections[i]->list[l].name, name);
                                }
                                (void)snprintf(wanted, sizeof(wanted), "%s%s%s", before, name, behind);
                                if (!strstr(part, wanted) != !has) {
                                        fail_msg("%s %s in %s", name, has ? "is missing" : "has no place",
                                                 settings_sections[i]->heading);
                                }
                        }
                }
        }
}

static void it_has_every_key(void **state)
{
        static const char *const marks[] = { "\n[broker]", "\n[environment ", "\n#[gateway ", "\n#[local ",
                                             "\n#[share]" };
        _cleanup_free_ char *sample = read_file("EQP_SAMPLE_FILE");

        expect_every_key(sample, marks, "\n#", " = ");
}

static void the_manual_has_every_key(void **state)
{
        static const char *const marks[] = {
                "\n# SECTION [broker]",
                "\n# SECTION [environment NAME]",
                "\n# SECTION [gateway ENVIRONMENT]",
                "\n# SECTION [local NAME]",
                "\n# SECTION [share]",
        };
        _cleanup_free_ char *manual = read_file("EQP_SETTINGS_MANUAL");

        expect_every_key(manual, marks, "*", "* = ");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(as_it_is_it_changes_nothing),
                cmocka_unit_test(uncommented_it_says_the_defaults),
                cmocka_unit_test(it_has_every_key),
                cmocka_unit_test(the_manual_has_every_key),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

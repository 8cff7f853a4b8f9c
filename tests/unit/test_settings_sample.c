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

        a = settings_format(from_sample);
        b = settings_format(defaults);
        from_sample->n_environments = 3;
        assert_string_equal(a, b);
        assert_true(from_sample->listen[1].optional);
        assert_true(from_sample->allow.rules[1].optional);
}

static void it_has_every_key(void **state)
{
        _cleanup_free_ char *sample = read_file("EQP_SAMPLE_FILE");
        const char *environments = strstr(sample, "\n[environment ");

        assert_non_null(environments);
        for (size_t i = 0; i < SETTINGS_KEYS; i++) {
                char line[64];
                const char *first;

                (void)snprintf(line, sizeof(line), "\n#%s = ", settings_keys[i].name);
                first = strstr(sample, line);
                if (!first) {
                        fail_msg("%s is missing", settings_keys[i].name);
                }
                assert_int_equal(settings_keys[i].in_broker, first < environments);
                if (settings_keys[i].in_environment && !strstr(environments, line)) {
                        fail_msg("%s is missing for environments", settings_keys[i].name);
                }
        }
}

static void the_manual_has_every_key(void **state)
{
        _cleanup_free_ char *manual = read_file("EQP_SETTINGS_MANUAL");
        const char *environments = strstr(manual, "\n# SECTION [environment NAME]");

        assert_non_null(environments);
        for (size_t i = 0; i < SETTINGS_KEYS; i++) {
                char heading[64];
                const char *first;

                (void)snprintf(heading, sizeof(heading), "*%s* = ", settings_keys[i].name);
                first = strstr(manual, heading);
                if (!first) {
                        fail_msg("%s is missing", settings_keys[i].name);
                }
                assert_int_equal(settings_keys[i].in_broker, first < environments);
                if (settings_keys[i].in_environment && !strstr(environments, heading)) {
                        fail_msg("%s is missing for environments", settings_keys[i].name);
                }
        }
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

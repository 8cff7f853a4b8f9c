/* Remarks on settings that are in order, and where they end. */
#include "lib/settings_remark.h"
#include "tests/unit/settings_text.h"

#include <stdio.h>

#define SO_SHORT                                                                                            \
        " is shorter than the hourly budget can bear, which has 44 exchanges for renewing tokens, one in "  \
        "82 s: "
#define PARTLY_NONE "there will be no token for a part of the time"
#define LATE        "tokens are renewed late in their lives, with little time left for trouble"
#define CURE        "; set lifetime to 117s or more, or leave it out"

static void lifetimes(void **state)
{
        static const struct {
                const char *lifetime, *remark; /* NULL: none */
        } rows[] = {
                { "1s", "lifetime = 1s" SO_SHORT PARTLY_NONE CURE },
                { "60", "lifetime = 1min" SO_SHORT PARTLY_NONE CURE },
                { "81s", "lifetime = 1min 21s" SO_SHORT PARTLY_NONE CURE },
                { "82s", "lifetime = 1min 22s" SO_SHORT LATE CURE },
                { "116s", "lifetime = 1min 56s" SO_SHORT LATE CURE },
                { "117s", NULL },
                { "2min", NULL },
                { "30d", NULL },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                char text[128], remark[SETTINGS_REMARK_MAX] = "";

                (void)snprintf(text, sizeof(text), "[environment sandbox]\nlifetime = %s\n",
                               rows[i].lifetime);
                _cleanup_(settings_freep) struct settings *s = read_good(text);
                bool any = settings_remark(settings_environment(s, "sandbox"), remark);
                assert_int_equal(any, rows[i].remark != NULL);
                assert_string_equal(remark, any ? rows[i].remark : "");
        }
}

static void granted_lifetimes(void **state)
{
        static const struct {
                uint32_t granted_sec, asked_sec;
                const char *begin, *effect; /* NULL: no remark */
        } rows[] = {
                { 30, 7200, "the upstream grants a lifetime of 30s where 2h was asked for", PARTLY_NONE },
                { 81, 2592000, "the upstream grants a lifetime of 1min 21s where 30d was", PARTLY_NONE },
                { 116, 117, "the upstream grants a lifetime of 1min 56s where 1min 57s was", LATE },
                { 117, 7200, NULL, NULL },
                { 90, 90, NULL, NULL }, /* the settings have a remark */
                { 7200, 7200, NULL, NULL },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                char remark[SETTINGS_REMARK_MAX] = "";
                bool any = settings_remark_granted(rows[i].granted_sec, rows[i].asked_sec, remark);

                assert_int_equal(any, rows[i].begin != NULL);
                if (any) {
                        assert_int_equal(strncmp(remark, rows[i].begin, strlen(rows[i].begin)), 0);
                        assert_non_null(strstr(remark, rows[i].effect));
                        assert_non_null(strstr(remark, "operator for 117s or more"));
                }
        }
}

static void nothing_about_the_defaults(void **state)
{
        _cleanup_(settings_freep) struct settings *s = read_good("");
        char remark[SETTINGS_REMARK_MAX];

        for (size_t i = 0; i < s->n_environments; i++) {
                assert_false(settings_remark(&s->environments[i], remark));
        }
}

static void passwords_in_clear(void **state)
{
        static const struct {
                const char *lines;
                const char *store; /* NULL: no remark */
        } rows[] = {
                { "store = redis://a.example.org\npassword_file = /p\n", "redis://a.example.org:6379" },
                { "store = redis://a.example.org\n", NULL },
                { "store = rediss://a.example.org\npassword_file = /p\n", NULL },
                { "store = unix:/s\npassword_file = /p\n", NULL },
                { "store = redis://localhost:1\npassword_file = /p\n", NULL },
                { "store = redis://127.0.0.2\npassword_file = /p\n", NULL },
                { "store = redis://[::1]\npassword_file = /p\n", NULL },
                { "store = redis://128.0.0.1\npassword_file = /p\n", "redis://128.0.0.1:6379" },
                { "store = redis://127.example.org\npassword_file = /p\n", "redis://127.example.org:6379" },
                { "store = redis://[2001:db8::1]:7\npassword_file = /p\n", "redis://[2001:db8::1]:7" },
                { "store = redis://localhost\nstore = redis://b\npassword_file = /p\n", "redis://b:6379" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                char text[256], remark[SETTINGS_REMARK_MAX] = "", expected[SETTINGS_REMARK_MAX] = "";

                (void)snprintf(text, sizeof(text), "[share]\n%s", rows[i].lines);
                if (rows[i].store) {
                        (void)snprintf(expected, sizeof(expected),
                                       "the password of password_file in [share] is sent in clear to %s: "
                                       "write rediss://, for TLS, if the store speaks it",
                                       rows[i].store);
                }
                _cleanup_(settings_freep) struct settings *s = read_good(text);
                assert_int_equal(settings_remark_share(&s->share, remark), rows[i].store != NULL);
                assert_string_equal(remark, expected);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(lifetimes),
                cmocka_unit_test(granted_lifetimes),
                cmocka_unit_test(nothing_about_the_defaults),
                cmocka_unit_test(passwords_in_clear),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

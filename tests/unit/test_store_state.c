/* The words for how a store is. */
#include "lib/store_state.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

static void every_state_has_words_of_its_own(void **state)
{
        for (int i = 0; i < _STORE_STATE_COUNT; i++) {
                const char *name = store_state_name((enum store_state)i);

                assert_true(strlen(name) > 0 && strspn(name, "abcdefghijklmnopqrstuvwxyz_") == strlen(name));
                assert_true(strlen(store_state_text((enum store_state)i)) > 0);
                assert_int_equal(strlen(store_state_cure((enum store_state)i)) == 0, i == STORE_FINE);
                for (int j = 0; j < i; j++) {
                        assert_string_not_equal(name, store_state_name((enum store_state)j));
                }
        }
        assert_string_equal(store_state_name(STORE_NO_LOGIN), "no_login");
        assert_string_equal(store_state_name(STORE_READ_ONLY), "read_only");
}

/* A plain connection to one that speaks TLS is closed, or answered by an alert; one that speaks none waits
 * for more of what began with TLS, or answers with an error. */
static void a_wrong_scheme_has_its_cure(void **state)
{
        assert_non_null(strstr(store_state_cure(STORE_UNREACHABLE), "rediss:// if it speaks TLS"));
        assert_non_null(strstr(store_state_cure(STORE_NONSENSE), "rediss:// if it speaks TLS"));
        assert_non_null(strstr(store_state_cure(STORE_SILENT), "redis:// if it speaks no TLS"));
        assert_non_null(strstr(store_state_cure(STORE_UNTRUSTED), "redis:// if it speaks no TLS"));
}

/* Of a text that has no end of its own. */
static void only_the_whole_first_word_counts(void **state)
{
        static const struct {
                const char *text;
                enum store_state state;
                const char *word;
        } rows[] = {
                { "OOM", STORE_FULL, "OOM" },
                { "OOM command", STORE_FULL, "OOM" },
                { "OO", STORE_REFUSED, "" },
                { "OOMx", STORE_REFUSED, "" },
                { "oom x", STORE_REFUSED, "" },
                { " OOM", STORE_REFUSED, "" },
                { "", STORE_REFUSED, "" },
                { " ", STORE_REFUSED, "" },
                { "ASK 1 x", STORE_MOVED, "ASK" },
                { "CLUSTERDOWN x", STORE_MOVED, "CLUSTERDOWN" },
                { "MASTERDOWN x", STORE_LOADING, "MASTERDOWN" },
                { "NOREPLICAS x", STORE_READ_ONLY, "NOREPLICAS" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                size_t length = strlen(rows[i].text);
                _cleanup_free_ char *text = malloc(length + 1);
                const char *word = NULL;

                assert_non_null(text);
                memcpy(text, rows[i].text, length);
                text[length] = 'M';
                assert_int_equal(store_state_of_error(text, length, &word), rows[i].state);
                assert_string_equal(word, rows[i].word);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_state_has_words_of_its_own),
                cmocka_unit_test(a_wrong_scheme_has_its_cure),
                cmocka_unit_test(only_the_whole_first_word_counts),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}

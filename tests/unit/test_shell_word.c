/* Shell words: the shell makes of them the texts that they were made of. */
#include "lib/shell_word.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

static void assert_word(const char *value, const char *expected)
{
        char buffer[SHELL_WORD_MAX(32)];

        assert_int_equal(shell_word(value, buffer, sizeof(buffer)), strlen(expected));
        assert_memory_equal(buffer, expected, strlen(expected));
        assert_int_equal(shell_word(value, buffer, strlen(expected)), strlen(expected));
        for (size_t size = 0; size < strlen(expected); size++) {
                char *small = malloc(size + 1); /* with a fence where there is a sanitizer */
                assert_non_null(small);
                small[size] = 'x';
                assert_int_equal(shell_word(value, small, size), -EMSGSIZE);
                assert_true(small[size] == 'x');
                free(small);
        }
}

static void words(void **state)
{
        assert_word("canary.To/ken_1=", "canary.To/ken_1=");
        assert_word("", "''");
        assert_word("a b", "'a b'");
        assert_word("$(id)", "'$(id)'");
        assert_word("it's", "'it'\\''s'");
        assert_word("'", "''\\'''");
        assert_word("\\", "'\\'");
}

static void the_most(void **state)
{
        char value[33], buffer[SHELL_WORD_MAX(32)];

        memset(value, '\'', sizeof(value) - 1);
        value[sizeof(value) - 1] = '\0';
        assert_int_equal(shell_word(value, buffer, sizeof(buffer)), sizeof(buffer));
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(words), cmocka_unit_test(the_most) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}

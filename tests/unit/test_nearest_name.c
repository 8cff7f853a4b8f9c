/* Nearest names: one, several, none. */
#include "lib/nearest_name.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

static const char *const names[] = { "listen", "allow", "metrics", "max_connections",
                                     "max_connections_per_user" };

static void expect(const char *word, const char *expected)
{
        char buffer[NEAREST_NAMES_TEXT_MAX];

        assert_string_equal(nearest_names(word, names, ARRAY_SIZE(names), buffer, sizeof(buffer)), expected);
}

static void one_is_near(void **state)
{
        expect("listen", "did you mean listen?");
        expect("lisen", "did you mean listen?");
        expect("listenn", "did you mean listen?");
        expect("litsen", "did you mean listen?");
        expect("lixxen", "did you mean listen?");
        expect("Allow", "did you mean allow?");
        expect("metric", "did you mean metrics?");
        expect("max_conections", "did you mean max_connections?");
        expect("max_connection_per_user", "did you mean max_connections_per_user?");
}

static void none_is_near(void **state)
{
        static const char all[] =
                "known here: listen, allow, metrics, max_connections, max_connections_per_user";

        expect("", all);
        expect("xyz", all);
        expect("lixxxn", all); /* half of it differs */
        expect("keys", all);
        expect("a_word_of_more_than_forty_letters_is_not_compared", all);
}

static void several_are_as_near(void **state)
{
        static const char *const two[] = { "bat", "cat", "dog" };
        char buffer[NEAREST_NAMES_TEXT_MAX];

        assert_string_equal(nearest_names("hat", two, 3, buffer, sizeof(buffer)),
                            "did you mean bat or cat?");
}

static void small_buffers_are_not_overrun(void **state)
{
        char buffer[NEAREST_NAMES_TEXT_MAX];

        for (size_t size = 1; size < 80; size++) {
                memset(buffer, '#', sizeof(buffer));
                (void)nearest_names("xyz", names, ARRAY_SIZE(names), buffer, size);
                assert_true(strlen(buffer) < size);
                assert_int_equal(buffer[size], '#');
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(one_is_near),
                cmocka_unit_test(none_is_near),
                cmocka_unit_test(several_are_as_near),
                cmocka_unit_test(small_buffers_are_not_overrun),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

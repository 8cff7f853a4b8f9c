/* JSON under construction: what is not whole says so, however deep the gap is, and nothing leaks. */
#include "lib/json_form.h"
#include "tests/unit/unit.h"

static void test_whole(void **state)
{
        (void)state;
        struct json_object *object = json_object_new_object(), *list = json_object_new_array();
        json_append(list, json_object_new_int(1));
        json_put(object, "list", list);
        json_put_null(object, "nothing");
        assert_true(json_is_whole(object));
        assert_string_equal(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN),
                            "{\"list\":[1],\"nothing\":null}");
        json_object_put(object);
}

static void test_a_missing_value_spoils_all_around_it(void **state)
{
        (void)state;
        struct json_object *object = json_object_new_object(), *list = json_object_new_array(),
                           *inner = json_object_new_object();
        json_put(inner, "text", NULL); /* as json_object_new_string() without memory */
        assert_false(json_is_whole(inner));
        json_append(list, inner);
        assert_false(json_is_whole(list));
        json_put(object, "list", list);
        assert_false(json_is_whole(object));
        json_put(object, "more", json_object_new_int(1)); /* what comes later does not mend it */
        assert_false(json_is_whole(object));
        json_object_put(object);
}

static void test_without_an_object_values_are_let_go(void **state)
{
        (void)state;
        json_put(NULL, "name", json_object_new_int(1));
        json_append(NULL, json_object_new_int(1));
        json_put_null(NULL, "name");
        assert_false(json_is_whole(NULL));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_whole),
                cmocka_unit_test(test_a_missing_value_spoils_all_around_it),
                cmocka_unit_test(test_without_an_object_values_are_let_go),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}

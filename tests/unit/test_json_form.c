/* JSON under construction: an incomplete one says so, however deep the gap is, and nothing leaks. */
#include "lib/json_form.h"
#include "tests/unit/unit.h"

#include <json-c/printbuf.h>
#include <string.h>

static void test_whole(void **state)
{
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
        struct json_object *object = json_object_new_object(), *list = json_object_new_array(),
                           *inner = json_object_new_object();
        json_put(inner, "text", NULL); /* as json_object_new_string() without memory */
        assert_false(json_is_whole(inner));
        json_append(list, inner);
        assert_false(json_is_whole(list));
        json_put(object, "list", list);
        assert_false(json_is_whole(object));
        json_put(object, "more", json_object_new_int(1)); /* later parts do not repair it */
        assert_false(json_is_whole(object));
        json_object_put(object);
}

/* As json-c's own does it when its buffer cannot grow. */
static int leave_out(struct json_object *object, struct printbuf *buffer, int level, int flags)
{
        return -1;
}

static int leave_out_the_content(struct json_object *object, struct printbuf *buffer, int level, int flags)
{
        return printbuf_memappend(buffer, "\"\"", 2);
}

static void test_text(void **state)
{
        const char *expected =
                "{\"word\":\"a/b\\\"\\n\\u0001\u00e9\",\"number\":-7,\"nothing\":null,\"truth\":true}";
        struct json_object *object = json_object_new_object(),
                           *word = json_object_new_string("a/b\"\n\001\u00e9");
        size_t length = 0;
        json_put(object, "word", word);
        json_put(object, "number", json_object_new_int64(-7));
        json_put_null(object, "nothing");
        json_put(object, "truth", json_object_new_boolean(true));
        assert_string_equal(json_text(object, &length), expected);
        assert_int_equal(length, strlen(expected));
        json_object_set_serializer(word, leave_out_the_content, NULL, NULL);
        assert_null(json_text(object, &length));
        json_object_set_serializer(word, leave_out, NULL, NULL);
        assert_null(json_text(object, &length));
        json_object_put(object);
        assert_null(json_text(NULL, &length));
}

static void test_without_an_object_values_are_let_go(void **state)
{
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
                cmocka_unit_test(test_text),
                cmocka_unit_test(test_without_an_object_values_are_let_go),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}

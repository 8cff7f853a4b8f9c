/* JSON that holds secrets: released memory was written over. */
#include "lib/secret_json.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <errno.h>

static void test_reads_one_value(void **state)
{
        struct json_object *json = NULL;
        assert_int_equal(secret_json_parse("{\"ust\":\"x\"}", 11, 4, &json), 0);
        assert_true(json_object_is_type(json, json_type_object));
        secret_json_free(json, "ust");
        assert_int_equal(secret_json_parse("null ", 5, 4, &json), 0);
        assert_null(json);
        secret_json_free(json, "ust");
}

static void test_refuses_what_is_none(void **state)
{
        static const char *const texts[] = { "", "{", "{\"a\":1} x", "{a:1}", "\"\xff\"", "[[[[[1]]]]]" };
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                struct json_object *json = NULL;
                assert_int_equal(secret_json_parse(texts[i], strlen(texts[i]), 4, &json), -EBADMSG);
                assert_null(json);
        }
}

static void test_wipes_members_at_any_depth(void **state)
{
        static const char text[] = "{\"ust\":\"outermost-secret\",\"list\":[{\"ust\":\"innermost-secret\"},"
                                   "{\"ust\":5}],\"name\":\"not-a-secret\"}";
        struct json_object *json = NULL, *list, *name;

        assert_int_equal(secret_json_parse(text, strlen(text), 4, &json), 0);
        /* One more reference to each, to see what is left behind. */
        struct json_object *outer = json_object_get(json_object_object_get(json, "ust"));
        list = json_object_object_get(json, "list");
        struct json_object *inner =
                json_object_get(json_object_object_get(json_object_array_get_idx(list, 0), "ust"));
        name = json_object_get(json_object_object_get(json, "name"));
        secret_json_free(json, "ust");
        assert_string_equal(json_object_get_string(outer), "");
        assert_string_equal(json_object_get_string(inner), "");
        for (int i = 0; i < json_object_get_string_len(inner); i++) {
                assert_int_equal(json_object_get_string(inner)[i], 0);
        }
        assert_string_equal(json_object_get_string(name), "not-a-secret");
        json_object_put(outer);
        json_object_put(inner);
        json_object_put(name);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_reads_one_value),
                cmocka_unit_test(test_refuses_what_is_none),
                cmocka_unit_test(test_wipes_members_at_any_depth),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}

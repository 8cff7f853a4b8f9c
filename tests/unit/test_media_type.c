/* The Accept header: the choice for headers that clients really send, and for others. */
#include "daemon/frontend/http/media_type.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

static void test_token_forms(void **state)
{
        static const struct {
                const char *accept;
                int form; /* -1: neither */
        } cases[] = {
                { NULL, TOKEN_AS_JSON },
                { "", TOKEN_AS_JSON },
                { "*/*", TOKEN_AS_JSON },
                { "application/json", TOKEN_AS_JSON },
                { "APPLICATION/JSON", TOKEN_AS_JSON },
                { "application/*", TOKEN_AS_JSON },
                { "text/plain", TOKEN_AS_TEXT },
                { "Text/Plain;charset=utf-8", TOKEN_AS_TEXT },
                { "text/*", TOKEN_AS_TEXT },
                { "text/plain, */*", TOKEN_AS_TEXT },
                { "text/plain, */*;q=0.1", TOKEN_AS_TEXT },
                { "text/plain;q=0.5, application/json", TOKEN_AS_JSON },
                { "text/plain;q=0.5, application/json;q=0.4", TOKEN_AS_TEXT },
                { "application/json, text/plain, */*", TOKEN_AS_JSON },
                { "text/html, application/xhtml+xml, */*;q=0.8", TOKEN_AS_JSON },
                { "text/plain;q=0, */*", TOKEN_AS_JSON },
                { "application/json;q=0, */*", TOKEN_AS_TEXT },
                { "text/plain;q=0.001", TOKEN_AS_TEXT },
                { "text/plain; Q=1.000", TOKEN_AS_TEXT },
                { " \t, ,text/plain", TOKEN_AS_TEXT },
                { "text/html", -1 },
                { "application/json;q=0", -1 },
                { "application/json;q=0.000, text/plain;q=0", -1 },
                { "json", -1 },
                { "application/jsonx", -1 },
                { "*", -1 },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                enum token_form form = TOKEN_AS_TEXT;
                bool found = media_type_choose(cases[i].accept, /* text_offered= */ true, &form);
                if ((found ? (int)form : -1) != cases[i].form) {
                        fail_msg("%s: %d", cases[i].accept, found ? (int)form : -1);
                }
        }
}

static void test_json_only(void **state)
{
        enum token_form form;
        assert_true(media_type_choose("*/*", /* text_offered= */ false, &form));
        assert_int_equal(form, TOKEN_AS_JSON);
        assert_true(media_type_choose("text/plain, */*;q=0.1", /* text_offered= */ false, &form));
        assert_int_equal(form, TOKEN_AS_JSON);
        assert_false(media_type_choose("text/plain", /* text_offered= */ false, &form));
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_token_forms),
                                            cmocka_unit_test(test_json_only) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}

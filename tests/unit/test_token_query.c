/* The query of the token path: good forms, and every fault that one can make. */
#include "lib/token_query.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>

static void good_queries(void **state)
{
        static const struct {
                const char *target;
                uint32_t min_ttl_sec, wait_sec;
        } rows[] = {
                { NULL, 0, 2 },
                { "", 0, 2 },
                { "/v1/sandbox/token", 0, 2 },
                { "/v1/sandbox/token?", 0, 2 },
                { "/v1/sandbox/token?min_ttl=600", 600, 2 },
                { "/v1/sandbox/token?min_ttl=0&wait=0", 0, 0 },
                { "/v1/sandbox/token?wait=30&min_ttl=1", 1, 30 },
                { "?wait=29", 0, 29 },
                { "?wait=0000000007", 0, 7 },
                { "?min_ttl=4294967295", UINT32_MAX, 2 },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct token_query query;
                char message[200] = "";

                assert_int_equal(token_query_parse(rows[i].target, &query, message, sizeof(message)), 0);
                assert_int_equal(query.min_ttl_sec, rows[i].min_ttl_sec);
                assert_int_equal(query.wait_sec, rows[i].wait_sec);
                assert_string_equal(message, "");
        }
}

static void queries_with_a_fault(void **state)
{
        static const struct {
                const char *query, *message;
        } rows[] = {
                { "wait=31", "wait is over 30" },
                { "wait=4294967295", "wait is over 30" },
                { "wait=4294967296", "wait is not a number" },
                { "wait=4294967298", "wait is not a number" },
                { "wait=18446744073709551618", "wait is not a number" },
                { "wait", "wait is not a number" },
                { "wait=", "wait is not a number" },
                { "wait=-1", "wait is not a number" },
                { "wait=+1", "wait is not a number" },
                { "wait=%31", "wait is not a number" },
                { "wait= 1", "wait is not a number" },
                { "wait=1 ", "wait is not a number" },
                { "wait=1s", "wait is not a number" },
                { "wait=1#x", "wait is not a number" },
                { "wait=1?", "wait is not a number" },
                { "wait==1", "wait is not a number" },
                { "wait=1.5", "wait is not a number" },
                { "wait=00000000001", "wait is not a number" },
                { "min_ttl", "min_ttl is not a number" },
                { "min_ttl=x", "min_ttl is not a number" },
                { "min_ttl=4294967296", "min_ttl is not a number" },
                { "min_ttl=1e3", "min_ttl is not a number" },
                { "wait=1&wait=1", "wait is given twice" },
                { "min_ttl=1&wait=2&min_ttl=1", "min_ttl is given twice" },
                { "ttl=1", "key ttl is unknown" },
                { "min-ttl=1", "key min-ttl is unknown" },
                { "min_tt=1", "key min_tt is unknown" },
                { "min_ttll=1", "key min_ttll is unknown" },
                { "wait=1;min_ttl=1", "wait is not a number" },
                { "waits", "key waits is unknown" },
                { "aaaaaaaaaabbbbbbbbbbccccccccccdd=1", "key aaaaaaaaaabbbbbbbbbbccccccccccdd is unknown" },
                { "aaaaaaaaaabbbbbbbbbbccccccccccddd=1", "has an unknown key" },
                { "Wait=1", "has an unknown key" },
                { "<script>=1", "has an unknown key" },
                { "%77ait=1", "has an unknown key" },
                { "a\xff=1", "has an unknown key" },
                { "&", "has an unknown key" },
                { "=", "has an unknown key" },
                { "wait=1&", "has an unknown key" },
                { "&wait=1", "has an unknown key" },
                { "wait=1&&min_ttl=1", "has an unknown key" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct token_query query = { .wait_sec = 42 };
                char message[200] = "", target[256];

                (void)snprintf(target, sizeof(target), "/v1/sandbox/token?%s", rows[i].query);
                assert_int_equal(token_query_parse(target, &query, message, sizeof(message)), -EINVAL);
                if (!strstr(message, rows[i].message)) {
                        fail_msg("%s: expected \"%s\" in \"%s\"", rows[i].query, rows[i].message, message);
                }
                assert_null(strpbrk(message, "<>%"));
                assert_int_equal(query.wait_sec, 42);
        }
}

static void small_message_buffers(void **state)
{
        struct token_query query;
        char message[8];

        assert_int_equal(token_query_parse("?unknown_key=1", &query, message, sizeof(message)), -EINVAL);
        assert_string_equal(message, "the que");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(good_queries),
                cmocka_unit_test(queries_with_a_fault),
                cmocka_unit_test(small_message_buffers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

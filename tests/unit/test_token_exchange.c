/* The exchange as bytes: the request, and what every status means. */
#include "tests/unit/exchange_verdict.h"

#include <errno.h>

static void the_request(void **state)
{
        static const char expected[] = "{\"grant_type\":\"session\",\"expires_in\":7200}";
        char buffer[128];

        assert_int_equal(token_exchange_request_body(7200, buffer, sizeof(buffer)), strlen(expected));
        assert_string_equal(buffer, expected);
        assert_int_equal(token_exchange_request_body(7200, buffer, sizeof(expected)), strlen(expected));
        assert_int_equal(token_exchange_request_body(7200, buffer, sizeof(expected) - 1), -ENOBUFS);
        assert_int_equal(token_exchange_request_body(7200, NULL, 0), -ENOBUFS);
        assert_true(token_exchange_request_body(UINT32_MAX, buffer, sizeof(buffer)) > 0);
        assert_non_null(strstr(buffer, ":4294967295}"));
}

static void outcomes_have_names(void **state)
{
        assert_string_equal(exchange_outcome_name(EXCHANGE_GRANTED), "granted");
        assert_string_equal(exchange_outcome_name(EXCHANGE_KEY_REFUSED), "key_refused");
        assert_string_equal(exchange_outcome_name(EXCHANGE_THROTTLED), "throttled");
        assert_string_equal(exchange_outcome_name(EXCHANGE_UNAVAILABLE), "unavailable");
        assert_string_equal(exchange_outcome_name(EXCHANGE_REQUEST_REFUSED), "request_refused");
        assert_string_equal(exchange_outcome_name(EXCHANGE_MALFORMED), "malformed");
        assert_string_equal(exchange_outcome_name(_EXCHANGE_OUTCOME_COUNT), "unknown");
}

static enum exchange_outcome expected_outcome(long status)
{
        if (status == 401) {
                return EXCHANGE_KEY_REFUSED;
        }
        if (status == 429) {
                return EXCHANGE_THROTTLED;
        }
        if (status == 408 || status == 425 || (status >= 500 && status <= 599)) {
                return EXCHANGE_UNAVAILABLE;
        }
        if (status >= 400 && status <= 499) {
                return EXCHANGE_REQUEST_REFUSED;
        }
        return EXCHANGE_MALFORMED;
}

/* A body that would be whole under 200 makes no difference to any other status. */
static void every_status(void **state)
{
        static const char body[] = "{\"mage_id\":\"MAG1\",\"ust\":\"abc\",\"expires_in\":7200}";

        assert_int_equal(classify_body(body).outcome, EXCHANGE_GRANTED);
        for (long status = -1; status <= 1000; status++) {
                if (status != 200) {
                        assert_int_equal(classify(status, NULL, body, strlen(body)).outcome,
                                         expected_outcome(status));
                }
        }
}

static void throttling_carries_the_wait(void **state)
{
        struct verdict v;

        assert_int_equal(classify(429, NULL, "", 0).retry_after_sec, RETRY_AFTER_NONE);
        assert_int_equal(classify(429, "soon", "", 0).retry_after_sec, RETRY_AFTER_NONE);
        assert_int_equal(classify(429, "7", "", 0).retry_after_sec, 7);
        assert_int_equal(classify(429, "0", "", 0).retry_after_sec, 0);
        assert_int_equal(classify(429, "Sun, 06 Nov 1994 08:50:37 GMT", "", 0).retry_after_sec, 60);
        assert_int_equal(classify(429, "99999999999999999999", "", 0).retry_after_sec, RETRY_AFTER_NONE - 1);

        v = classify(503, "30", "", 0);
        assert_int_equal(v.outcome, EXCHANGE_THROTTLED);
        assert_int_equal(v.retry_after_sec, 30);
        assert_int_equal(classify(503, "soon", "", 0).outcome, EXCHANGE_UNAVAILABLE);
        assert_int_equal(classify(503, NULL, "", 0).outcome, EXCHANGE_UNAVAILABLE);

        /* Elsewhere it makes no other outcome. */
        assert_int_equal(classify(500, "30", "", 0).outcome, EXCHANGE_UNAVAILABLE);
        assert_int_equal(classify(401, "30", "", 0).outcome, EXCHANGE_KEY_REFUSED);
        assert_int_equal(classify(302, "30", "", 0).outcome, EXCHANGE_MALFORMED);
}

static void every_answer_but_a_grant_carries_the_wait(void **state)
{
        static const char body[] = "{\"mage_id\":\"MAG1\",\"ust\":\"abc\",\"expires_in\":7200}";

        for (long status = 100; status <= 599; status++) {
                assert_int_equal(classify(status, "600", "", 0).retry_after_sec, 600);
                assert_int_equal(classify(status, "soon", "", 0).retry_after_sec, RETRY_AFTER_NONE);
        }
        assert_int_equal(classify(200, "600", body, strlen(body)).outcome, EXCHANGE_GRANTED);
}

static void whom_a_wait_is_for(void **state)
{
        for (long status = 0; status <= 1000; status++) {
                assert_int_equal(token_exchange_wait_is_for_key(status),
                                 status != 429 && !(status >= 500 && status <= 599));
        }
}

static void a_date_counts_by_the_clock_of_who_wrote_it(void **state)
{
        static const struct {
                const char *retry_after, *date;
                uint32_t wait_sec;
        } rows[] = {
                { "Sun, 06 Nov 1994 08:50:37 GMT", NULL, 60 },
                { "Sun, 06 Nov 1994 08:50:37 GMT", "Sun, 06 Nov 1994 08:50:07 GMT", 30 },
                { "Sun, 06 Nov 1994 08:50:37 GMT", "Sunday, 06-Nov-94 08:50:07 GMT", 30 },
                { "Sun, 06 Nov 1994 08:50:37 GMT", "Sun, 06 Nov 1994 08:50:38 GMT", 0 },
                { "Mon, 01 Jun 2026 12:01:00 GMT", "Mon, 01 Jun 2026 12:00:00 GMT", 60 }, /* ours is wrong */
                { "Sun, 06 Nov 1994 08:50:37 GMT", "yesterday", 60 },
                { "Sun, 06 Nov 1994 08:50:37 GMT", "", 60 },
                { "Sun, 06 Nov 1994 08:50:37 GMT", "784111807", 60 },
                { "30", "Mon, 01 Jun 2026 12:00:00 GMT", 30 },
                { "soon", "Mon, 01 Jun 2026 12:00:00 GMT", RETRY_AFTER_NONE },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                const struct exchange_answer answer = { .status = 502,
                                                        .retry_after = rows[i].retry_after,
                                                        .date = rows[i].date };

                assert_int_equal(judge(&answer).retry_after_sec, rows[i].wait_sec);
        }
}

static void a_whole_answer(void **state)
{
        struct verdict v =
                classify_body("{ \"mage_id\": \"MAG123456789\", \"ust\": "
                              "\"baGXoStRuR9VCDFQGZNzgNqbqu5WUwlr.cAxZJ9m22Le7\", \"expires_in\": 7200 }");

        assert_int_equal(v.outcome, EXCHANGE_GRANTED);
        assert_string_equal(v.grant.mage_id, "MAG123456789");
        assert_string_equal(v.grant.ust, "baGXoStRuR9VCDFQGZNzgNqbqu5WUwlr.cAxZJ9m22Le7");
        assert_int_equal(v.grant.lifetime_sec, 7200);
}

static void no_body_at_all(void **state)
{
        struct exchange_answer answer = { .status = 200 };
        struct grant grant;
        uint32_t retry_after_sec;
        const char *why;

        assert_int_equal(token_exchange_classify(&answer, NOW, &grant, &retry_after_sec, &why),
                         EXCHANGE_MALFORMED);
        assert_string_equal(why, "the body is empty");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_request),
                cmocka_unit_test(outcomes_have_names),
                cmocka_unit_test(every_status),
                cmocka_unit_test(throttling_carries_the_wait),
                cmocka_unit_test(a_whole_answer),
                cmocka_unit_test(no_body_at_all),
                cmocka_unit_test(every_answer_but_a_grant_carries_the_wait),
                cmocka_unit_test(whom_a_wait_is_for),
                cmocka_unit_test(a_date_counts_by_the_clock_of_who_wrote_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

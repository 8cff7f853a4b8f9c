/* Answers judged, for several tests. */
#pragma once

#include "lib/token_exchange.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#define NOW INT64_C(784111777) /* Sun, 06 Nov 1994 08:49:37 GMT */

struct verdict {
        enum exchange_outcome outcome;
        uint32_t retry_after_sec;
        const char *why;
        struct grant grant;
};

static inline struct verdict judge(const struct exchange_answer *answer)
{
        struct verdict v = { .retry_after_sec = 42, .grant = { .ust = "kept" } };

        v.outcome = token_exchange_classify(answer, NOW, &v.grant, &v.retry_after_sec, &v.why);
        assert_non_null(v.why);
        if (v.outcome == EXCHANGE_GRANTED) {
                assert_string_equal(v.why, "");
                assert_int_equal(v.retry_after_sec, RETRY_AFTER_NONE);
        } else {
                assert_string_not_equal(v.why, "");
                assert_string_equal(v.grant.ust, "kept");
                assert_int_equal(v.grant.lifetime_sec, 0);
        }
        return v;
}

/* The body is copied into exactly as much memory, so that a sanitizer sees every byte read too far. */
static inline struct verdict classify(long status, const char *retry_after, const char *body, size_t length)
{
        _cleanup_free_ char *exact = malloc(length + (length == 0));
        const struct exchange_answer answer = {
                .status = status, .retry_after = retry_after, .body = exact, .body_length = length
        };

        assert_non_null(exact);
        memcpy(exact, body, length);
        return judge(&answer);
}

static inline struct verdict classify_body(const char *body)
{
        return classify(200, NULL, body, strlen(body));
}

static inline void expect_malformed(const char *body, const char *why)
{
        struct verdict v = classify_body(body);

        if (v.outcome != EXCHANGE_MALFORMED || !streq(v.why, why)) {
                fail_msg("%s: %s (%s)", body, exchange_outcome_name(v.outcome), v.why);
        }
}

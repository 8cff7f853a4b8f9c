/* The text of what survives a restart: a written text can be read, and nothing else can. */
#include "lib/saved_sessions.h"
#include "lib/secret.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>

#define NOW (1000 * USEC_PER_SEC)

/* The form of a small one. A change to it needs another SAVED_VERSION. */
#define SALT   "\"0101010101010101010101010101010101010101010101010101010101010101\""
#define DIGEST "\"abababababababababababababababababababababababababababababababab\""
#define SESSION                                                                                             \
        "{\"mage_id\":\"MAG000111222\",\"ust\":\"made-up/tok\\\\en\",\"sent_usec\":900000000,"              \
        "\"lifetime_sec\":300,\"refresh_point_usec\":1090000000,\"attainable_sec\":299,"                    \
        "\"reported\":false,\"key_label\":\"1-main\",\"key_digest\":" DIGEST "}"
#define ENVIRONMENT                                                                                         \
        "{\"name\":\"sandbox\",\"base_url\":\"https://commercedeveloper-sandbox-api.adobe.com\","           \
        "\"sent_usec\":[800000000,900000000],\"caused_usec\":[800000000],\"retry_after_usec\":0,"           \
        "\"reported_usec\":0,\"session\":" SESSION "}"
#define TEXT                                                                                                \
        "{\"version\":1,\"number\":17,\"boot_id\":\"0123456789abcdef0123456789abcdef\",\"salt\":" SALT      \
        ",\"environments\":[" ENVIRONMENT "]}"

static struct saved_sessions *make(void)
{
        struct saved_sessions *saved = saved_sessions_new();
        struct saved_environment *environment = &saved->environments[saved->n_environments++];
        struct grant grant = { .lifetime_sec = 300, .mage_id = "MAG000111222", .ust = "made-up/tok\\en" };

        saved->number = 17;
        (void)snprintf(saved->boot_id, sizeof(saved->boot_id), "0123456789abcdef0123456789abcdef");
        memset(saved->salt, 1, sizeof(saved->salt));
        (void)snprintf(environment->name, sizeof(environment->name), "sandbox");
        (void)snprintf(environment->base_url, sizeof(environment->base_url), "%s", BASE_URL_SANDBOX);
        const struct refresh_past past = { .sent = { { 800 * USEC_PER_SEC, REFRESH_SHARE_DEMAND },
                                                     { 900 * USEC_PER_SEC, REFRESH_SHARE_NEED } },
                                           .n_sent = 2 };
        saved_environment_set_past(environment, &past);
        assert_int_equal(session_new(&environment->session, &grant, 1, 900 * USEC_PER_SEC, "1-main"), 0);
        environment->refresh_point_usec = 1090 * USEC_PER_SEC;
        environment->attainable_sec = 299;
        memset(environment->key_digest, 0xab, sizeof(environment->key_digest));
        return saved;
}

static int parse(const char *text, struct saved_sessions **ret)
{
        const char *why = NULL;
        int r = saved_sessions_parse(text, strlen(text), ret, &why);
        assert_true(r >= 0 || (why && *why));
        return r;
}

static void test_text_is_what_it_always_was(void **state)
{
        _cleanup_(saved_sessions_freep) struct saved_sessions *saved = make();
        char *text = NULL;
        size_t length = 0;

        assert_int_equal(saved_sessions_format(saved, &text, &length), 0);
        assert_int_equal(length, strlen(TEXT));
        assert_memory_equal(text, TEXT, length);
        (void)secret_free(text);
}

static void test_a_written_text_can_be_read(void **state)
{
        _cleanup_(saved_sessions_freep) struct saved_sessions *saved = make(), *read = NULL;

        assert_int_equal(parse(TEXT, &read), 0);
        assert_int_equal(read->number, 17);
        assert_int_equal(read->n_environments, 1);
        const struct saved_environment *one = &read->environments[0], *other = &saved->environments[0];
        assert_string_equal(one->name, "sandbox");
        assert_memory_equal(&one->past, &other->past, sizeof(one->past));
        assert_string_equal(one->session->ust, other->session->ust);
        assert_string_equal(one->session->mage_id, other->session->mage_id);
        assert_string_equal(one->session->key_label, "1-main");
        assert_true(one->session->expires_usec == 1200 * USEC_PER_SEC);
        assert_int_equal(one->session->serial, 1);
        assert_memory_equal(one->key_digest, other->key_digest, sizeof(one->key_digest));
}

static void test_empty_one_and_one_without_a_session(void **state)
{
        _cleanup_(saved_sessions_freep) struct saved_sessions *saved = make(), *read = NULL;
        char *text = NULL;
        size_t length = 0;
        const char *why;

        saved->environments[0].session = session_unref(saved->environments[0].session);
        assert_int_equal(saved_sessions_format(saved, &text, &length), 0);
        assert_int_equal(saved_sessions_parse(text, length, &read, &why), 0);
        assert_null(read->environments[0].session);
        assert_int_equal(read->environments[0].past.n_sent, 2);
        (void)secret_free(text);

        read = saved_sessions_free(read);
        saved->n_environments = 0;
        assert_int_equal(saved_sessions_format(saved, &text, &length), 0);
        assert_int_equal(saved_sessions_parse(text, length, &read, &why), 0);
        assert_int_equal(read->n_environments, 0);
        (void)secret_free(text);
}

static void test_largest_one_fits(void **state)
{
        _cleanup_(saved_sessions_freep) struct saved_sessions *saved = make(), *read = NULL;
        static struct grant grant = { .lifetime_sec = LIFETIME_MAX_SEC };
        char *text = NULL;
        size_t length = 0;
        const char *why;

        memset(grant.ust, '\\', SESSION_TOKEN_MAX);
        memset(grant.mage_id, '\\', MAGE_ID_MAX);
        saved->environments[0].session = session_unref(saved->environments[0].session);
        saved->n_environments = ARRAY_SIZE(saved->environments);
        for (size_t i = 0; i < saved->n_environments; i++) {
                struct saved_environment *one = &saved->environments[i];
                (void)snprintf(one->name, sizeof(one->name), "an-environment-with-a-long-nam%02u",
                               (unsigned)(i % 100));
                memset(one->base_url, 'a', BASE_URL_MAX);
                memcpy(one->base_url, "https://", 8);
                for (size_t k = 20; k < BASE_URL_MAX; k += 20) {
                        one->base_url[k] = '.';
                }
                one->past.n_sent = REFRESH_HOURLY_BUDGET;
                one->n_caused = SAVED_CAUSED_MAX;
                for (uint64_t k = 0; k < REFRESH_HOURLY_BUDGET; k++) {
                        one->past.sent[k].usec = SAVED_TIME_MAX_USEC - REFRESH_HOURLY_BUDGET + k;
                        one->caused_usec[k % SAVED_CAUSED_MAX] =
                                SAVED_TIME_MAX_USEC - REFRESH_HOURLY_BUDGET + k % SAVED_CAUSED_MAX;
                }
                one->refresh_point_usec = SAVED_TIME_MAX_USEC;
                assert_int_equal(session_new(&one->session, &grant, 1, SAVED_TIME_MAX_USEC,
                                             "a-label-as-long-as-they-come-123"),
                                 0);
        }
        assert_int_equal(saved_sessions_format(saved, &text, &length), 0);
        assert_true(length < SAVED_SESSIONS_MAX);
        assert_int_equal(saved_sessions_parse(text, length, &read, &why), 0);
        (void)secret_free(text);
}

/* The text with one piece replaced by another. */
static void with(const char *piece, const char *by, char *text, size_t size)
{
        const char *at = strstr(TEXT, piece);
        assert_non_null(at);
        int n = snprintf(text, size, "%.*s%s%s", (int)(at - TEXT), TEXT, by, at + strlen(piece));
        assert_true(n >= 0 && (size_t)n < size);
}

/* In TEXT, this piece, and by what it is replaced. */
static const struct {
        const char *piece, *by;
} bad_changes[] = {
        { "\"version\":1", "\"version\":2" },
        { "\"version\":1", "\"version\":\"1\"" },
        { "\"version\":1", "\"version\":1.0" },
        { "\"number\":17", "\"number\":0" },
        { "\"number\":17", "\"number\":-17" },
        { "\"number\":17", "\"number\":18446744073709551633" },
        { "\"number\":17", "\"number\":017" },
        { "\"number\":17,", "" },
        { "\"number\":17", "\"number\":17,\"number\":17" },
        { "0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef0" },
        { "0101", "010G" },
        { "0101", "01" },
        { "abab", "ABAB" },
        { "[" ENVIRONMENT "]", "{}" },
        { "[" ENVIRONMENT "]", "[null]" },
        { "[" ENVIRONMENT "]", "[" ENVIRONMENT "," ENVIRONMENT "]" },
        { "\"sandbox\"", "\"Sandbox\"" },
        { "\"sandbox\"", "\"v1\"" },
        { "\"sandbox\"", "\"sandbox\\u0000x\"" },
        { "https:", "http:" },
        { "adobe.com\"", "adobe.com/\"" },
        { "[800000000,900000000]", "[900000000,800000000]" },
        { "[800000000,900000000]", "[900000000,900000000]" },
        { "[800000000,900000000]", "[0,900000000]" },
        { "[800000000,900000000]", "[800000000,9000000000000000000]" },
        { "[800000000,900000000]", "[800000000,\"900000000\"]" },
        { "[800000000,900000000]", "null" },
        { "\"retry_after_usec\":0", "\"retry_after_usec\":null" },
        { SESSION, "null" },
        { SESSION, "[]" },
        { SESSION, "{}" },
        { "made-up/tok\\\\en", "" },
        { "made-up/tok", "made up" },
        { "made-up/tok", "made\\\"up" },
        { "made-up/tok", "made-up\\/tok" },
        { "made-up/tok", "m\\u0061de-up/tok" },
        { "MAG000111222", "" },
        { "MAG000111222", "MAG'" },
        { "\"lifetime_sec\":300", "\"lifetime_sec\":0" },
        { "\"lifetime_sec\":300", "\"lifetime_sec\":2592001" },
        { "\"lifetime_sec\":300", "\"lifetime_sec\":189" },
        { "\"refresh_point_usec\":1090000000", "\"refresh_point_usec\":1200000001" },
        { "\"refresh_point_usec\":1090000000", "\"refresh_point_usec\":899999999" },
        { "\"attainable_sec\":299", "\"attainable_sec\":301" },
        { "\"reported\":false", "\"reported\":0" },
        { "\"reported\":false", "\"reported\":null" },
        { "\"1-main\"", "\".main\"" },
        { "\"1-main\"", "null" },
        { "\"1-main\"", "\"1-main\",\"more\":1" },
        { "{\"version\"", " {\"version\"" },
        { "{\"version\"", "\xef\xbb\xbf{\"version\"" },
        { "{\"version\"", "[{\"version\"" },
        { TEXT, "" },
        { TEXT, "null" },
        { TEXT, "17" },
        { TEXT, "[]" },
        { TEXT, "{}" },
        { TEXT, TEXT "\n" },
        { TEXT, TEXT TEXT },
};

static void test_anything_else_is_refused(void **state)
{
        char text[4 * sizeof(TEXT)];

        for (size_t i = 0; i < ARRAY_SIZE(bad_changes); i++) {
                struct saved_sessions *read = NULL;
                with(bad_changes[i].piece, bad_changes[i].by, text, sizeof(text));
                if (parse(text, &read) != -EBADMSG || read) {
                        fail_msg("%s instead of %s is taken", bad_changes[i].by, bad_changes[i].piece);
                }
        }
}

static void test_every_shorter_text_is_refused(void **state)
{
        struct saved_sessions *read = NULL;
        const char *why;

        for (size_t length = 0; length < strlen(TEXT); length++) {
                assert_int_equal(saved_sessions_parse(TEXT, length, &read, &why), -EBADMSG);
        }
        assert_null(read);
}

/* As an earlier version wrote it, which knew them as two places. */
static void test_a_base_url_with_the_usual_port_is_read(void **state)
{
        static const struct {
                const char *base_url;
                int result;
        } rows[] = {
                { "https://h:443", 0 },        { "https://h:443/path", 0 },
                { "https://[::443]:443", 0 },  { "https://h:443/", -EBADMSG },
                { "https://H:443", -EBADMSG }, { "https://h:0443", -EBADMSG },
        };
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                _cleanup_(saved_sessions_freep) struct saved_sessions *read = NULL;
                char text[512];
                (void)snprintf(
                        text, sizeof(text),
                        "{\"version\":1,\"number\":17,\"boot_id\":\"0123456789abcdef0123456789abcdef\","
                        "\"salt\":" SALT ",\"environments\":[{\"name\":\"sandbox\",\"base_url\":\"%s\","
                        "\"sent_usec\":[],\"caused_usec\":[],\"retry_after_usec\":0,"
                        "\"reported_usec\":0}]}",
                        rows[i].base_url);
                assert_int_equal(parse(text, &read), rows[i].result);
                if (rows[i].result == 0) {
                        assert_string_equal(read->environments[0].base_url, rows[i].base_url);
                }
        }
}

static void test_a_text_that_is_too_long_is_not_even_read(void **state)
{
        _cleanup_free_ char *text = malloc(SAVED_SESSIONS_MAX + 1);
        struct saved_sessions *read = NULL;
        const char *why;

        assert_non_null(text);
        memset(text, ' ', SAVED_SESSIONS_MAX + 1);
        memcpy(text, TEXT, strlen(TEXT));
        assert_int_equal(saved_sessions_parse(text, SAVED_SESSIONS_MAX + 1, &read, &why), -EBADMSG);
        assert_null(read);
}

static void test_version_is_told(void **state)
{
        struct saved_sessions *read = NULL;
        const char *why = NULL;

        assert_int_equal(saved_sessions_parse("{\"version\":9}", 13, &read, &why), -EBADMSG);
        assert_string_equal(why, "another version of the program wrote it");
}

static void test_of_the_shares_that_of_callers_is_written(void **state)
{
        _cleanup_(saved_sessions_freep) struct saved_sessions *saved = make(), *read = NULL;
        struct saved_environment *one = &saved->environments[0];
        struct refresh_past past = { .n_sent = REFRESH_HOURLY_BUDGET };
        char *text = NULL;
        size_t length = 0, n = 0;
        const char *why;

        for (uint64_t i = 0; i < past.n_sent; i++) {
                past.sent[i] =
                        (struct refresh_sent){ i + 1, (enum refresh_share)(i % _REFRESH_SHARE_COUNT) };
        }
        saved_environment_set_past(one, &past);
        assert_int_equal(one->n_caused, SAVED_CAUSED_MAX);
        assert_int_equal(one->caused_usec[SAVED_CAUSED_MAX - 1], 59);
        assert_int_equal(saved_sessions_format(saved, &text, &length), 0);
        assert_int_equal(saved_sessions_parse(text, length, &read, &why), 0);
        (void)secret_free(text);
        for (size_t i = 0; i < past.n_sent; i++) {
                const struct refresh_sent *sent = &read->environments[0].past.sent[i];
                assert_int_equal(sent->usec, past.sent[i].usec);
                assert_true(sent->share == REFRESH_SHARE_NEED || sent->share == REFRESH_SHARE_DEMAND);
                n += sent->share == REFRESH_SHARE_DEMAND;
        }
        assert_int_equal(n, SAVED_CAUSED_MAX);
}

/* Callers caused it long ago, and since then the list of all has begun anew: an older program writes that.
 */
static void test_exchanges_of_callers_are_read_first(void **state)
{
        _cleanup_(saved_sessions_freep) struct saved_sessions *read = NULL;
        char text[2 * sizeof(TEXT)];

        with("\"caused_usec\":[800000000]", "\"caused_usec\":[700000000,800000000]", text, sizeof(text));
        assert_int_equal(parse(text, &read), 0);
        assert_int_equal(read->environments[0].past.sent[0].share, REFRESH_SHARE_DEMAND);
        assert_int_equal(read->environments[0].past.sent[1].share, REFRESH_SHARE_NEED);
}

/* It was attainable with another token, of which no text tells. */
static void test_a_longer_life_than_the_tokens_is_not_written(void **state)
{
        static const struct {
                uint32_t attainable_sec, written_sec;
        } rows[] = { { 0, 0 }, { 299, 299 }, { 300, 300 }, { 301, 0 }, { 7199, 0 } };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_(saved_sessions_freep) struct saved_sessions *saved = make(), *read = NULL;
                struct saved_environment *environment = &saved->environments[0];
                const struct refresh_token token = { .refresh_point_usec = 1090 * USEC_PER_SEC,
                                                     .attainable_sec = rows[i].attainable_sec,
                                                     .reported = true };
                char *text = NULL;
                size_t length = 0;
                const char *why;
                saved_environment_set_session(environment, environment->session, &token);
                assert_int_equal(saved_sessions_format(saved, &text, &length), 0);
                assert_int_equal(saved_sessions_parse(text, length, &read, &why), 0);
                assert_int_equal(read->environments[0].attainable_sec, rows[i].written_sec);
                assert_int_equal(read->environments[0].refresh_point_usec, 1090 * USEC_PER_SEC);
                assert_true(read->environments[0].reported);
                (void)secret_free(text);
        }
}

static void test_of_a_time_to_come_is_impossible(void **state)
{
        _cleanup_(saved_sessions_freep) struct saved_sessions *saved = make();
        const struct saved_environment *one = &saved->environments[0];

        assert_true(saved_environment_possible(one, NOW));
        assert_true(saved_environment_possible(one, 900 * USEC_PER_SEC));
        assert_false(saved_environment_possible(one, 900 * USEC_PER_SEC - 1));
        saved->environments[0].past.n_sent = 0;
        assert_false(saved_environment_possible(one, 850 * USEC_PER_SEC));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_text_is_what_it_always_was),
                cmocka_unit_test(test_a_written_text_can_be_read),
                cmocka_unit_test(test_empty_one_and_one_without_a_session),
                cmocka_unit_test(test_a_base_url_with_the_usual_port_is_read),
                cmocka_unit_test(test_largest_one_fits),
                cmocka_unit_test(test_anything_else_is_refused),
                cmocka_unit_test(test_every_shorter_text_is_refused),
                cmocka_unit_test(test_a_text_that_is_too_long_is_not_even_read),
                cmocka_unit_test(test_version_is_told),
                cmocka_unit_test(test_of_the_shares_that_of_callers_is_written),
                cmocka_unit_test(test_exchanges_of_callers_are_read_first),
                cmocka_unit_test(test_a_longer_life_than_the_tokens_is_not_written),
                cmocka_unit_test(test_of_a_time_to_come_is_impossible),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}

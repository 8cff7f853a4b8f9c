/* The text of what is known of keys, accounts and budgets: a written text can be read, and nothing else
 * can. */
#include "lib/saved_knowledge.h"
#include "lib/secret.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>

#define NOW (1000 * USEC_PER_SEC)

/* The form of a small one. A change to it needs another KNOWLEDGE_VERSION. */
#define SALT   "\"0101010101010101010101010101010101010101010101010101010101010101\""
#define DIGEST "\"abababababababababababababababababababababababababababababababab\""
#define OTHER  "\"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd\""
#define GOOD   "{\"digest\":" DIGEST ",\"standing\":\"good\",\"cause\":\"\",\"seen_usec\":900000001}"
#define REFUSED                                                                                             \
        "{\"digest\":" OTHER ",\"standing\":\"refused\",\"cause\":\"unauthorized\",\"seen_usec\":"          \
        "950000000}"
#define ENVIRONMENT                                                                                         \
        "{\"name\":\"sandbox\",\"base_url\":\"https://commercedeveloper-sandbox-api.adobe.com\","           \
        "\"account\":\"MAG000111222\",\"gone_usec\":0,"                                                     \
        "\"sent\":[[800000000,\"report\"],[900000000,\"need\"]],\"retry_after_usec\":0,"                    \
        "\"reported_usec\":799000000,\"unauthorized_usec\":0,\"keys\":[" GOOD "," REFUSED "]}"
#define LEDGER_KEY                                                                                          \
        "{\"digest\":" OTHER ",\"sent\":[[800000000,\"trial\"],[900000000,\"need\"]],\"held_usec\":0}"
#define LEDGER_URL "{\"base_url\":\"https://eqp.example\",\"until_usec\":1200000000}"
#define TEXT                                                                                                \
        "{\"version\":1,\"number\":17,\"boot_id\":\"0123456789abcdef0123456789abcdef\",\"salt\":" SALT      \
        ",\"environments\":[" ENVIRONMENT "],\"ledger\":{\"keys\":[" LEDGER_KEY "],\"urls\":[" LEDGER_URL   \
        "]}}"

static struct saved_knowledge *make(void)
{
        struct saved_knowledge *saved = saved_knowledge_new();
        struct known_environment *known = saved_knowledge_add(saved);

        saved->ledger = calloc(1, sizeof(*saved->ledger));
        saved->owns_ledger = true;
        saved->number = 17;
        (void)snprintf(saved->boot_id, sizeof(saved->boot_id), "0123456789abcdef0123456789abcdef");
        memset(saved->salt, 1, sizeof(saved->salt));
        (void)snprintf(known->name, sizeof(known->name), "sandbox");
        (void)snprintf(known->base_url, sizeof(known->base_url), "%s", BASE_URL_SANDBOX);
        (void)snprintf(known->account, sizeof(known->account), "MAG000111222");
        known->past = (struct refresh_past){ .sent = { { 800 * USEC_PER_SEC, REFRESH_SHARE_REPORT },
                                                       { 900 * USEC_PER_SEC, REFRESH_SHARE_NEED } },
                                             .n_sent = 2,
                                             .reported_usec = 799 * USEC_PER_SEC };
        known->n_keys = 2;
        memset(known->keys[0].digest, 0xab, sizeof(known->keys[0].digest));
        known->keys[0].known = (struct key_knowledge){ KEY_GOOD, KEY_NOT_REFUSED, 900 * USEC_PER_SEC + 1 };
        memset(known->keys[1].digest, 0xcd, sizeof(known->keys[1].digest));
        known->keys[1].known = (struct key_knowledge){ KEY_REFUSED, KEY_UNAUTHORIZED, 950 * USEC_PER_SEC };
        exchange_ledger_take(saved->ledger, known->keys[1].digest, REFRESH_SHARE_TRIAL, 800 * USEC_PER_SEC);
        exchange_ledger_take(saved->ledger, known->keys[1].digest, REFRESH_SHARE_NEED, 900 * USEC_PER_SEC);
        exchange_ledger_hold_url(saved->ledger, "https://eqp.example", 1200 * USEC_PER_SEC, NOW);
        return saved;
}

static int parse(const char *text, struct saved_knowledge **ret)
{
        const char *why = NULL;
        int r = saved_knowledge_parse(text, strlen(text), ret, &why);
        assert_true(r >= 0 || (why && *why));
        return r;
}

static void test_text_is_what_it_always_was(void **state)
{
        _cleanup_(saved_knowledge_freep) struct saved_knowledge *saved = make();
        char *text = NULL;
        size_t length = 0;

        assert_int_equal(saved_knowledge_format(saved, &text, &length), 0);
        assert_int_equal(length, strlen(TEXT));
        assert_memory_equal(text, TEXT, length);
        (void)secret_free(text);
}

static void test_a_written_text_can_be_read(void **state)
{
        _cleanup_(saved_knowledge_freep) struct saved_knowledge *saved = make(), *read = NULL;

        assert_int_equal(parse(TEXT, &read), 0);
        assert_int_equal(read->number, 17);
        assert_memory_equal(read->salt, saved->salt, sizeof(read->salt));
        assert_int_equal(read->n_environments, 1);
        assert_memory_equal(read->environments[0], saved->environments[0], sizeof(struct known_environment));
        saved->ledger->urls[0].noted_usec = 0; /* no exchange is under way from before */
        assert_memory_equal(read->ledger, saved->ledger, sizeof(*read->ledger));
}

/* The hour of what was sent is over, and the upstream's wish stands. */
static void test_a_key_that_is_held_and_has_sent_nothing(void **state)
{
        _cleanup_(saved_knowledge_freep) struct saved_knowledge *saved = make(), *read = NULL;
        char *text = NULL;
        size_t length = 0;
        const char *why;

        saved->ledger->keys[0].n_sent = 0;
        saved->ledger->keys[0].held_usec = NOW;
        assert_int_equal(saved_knowledge_format(saved, &text, &length), 0);
        assert_int_equal(saved_knowledge_parse(text, length, &read, &why), 0);
        assert_int_equal(read->ledger->keys[0].held_usec, NOW);
        assert_int_equal(read->ledger->keys[0].latest_usec, 0);
        (void)secret_free(text);
}

static void test_a_text_that_is_too_long_is_not_written(void **state)
{
        struct json_object *json = json_object_new_object();
        char *text = NULL;
        size_t length;

        saved_put_number(json, "number", 1);
        assert_int_equal(saved_move_text(json, strlen("{\"number\":1}") - 1, &text, &length), -E2BIG);
        assert_null(text);
        json_object_put(json);
}

static void test_largest_one_fits(void **state)
{
        _cleanup_(saved_knowledge_freep) struct saved_knowledge *saved = make(), *read = NULL;
        const uint64_t first = SAVED_TIME_MAX_USEC - REFRESH_HOURLY_BUDGET;
        char *text = NULL;
        size_t length = 0;
        const char *why;

        while (saved->n_environments < KNOWN_ENVIRONMENTS_MAX) {
                assert_non_null(saved_knowledge_add(saved));
        }
        assert_null(saved_knowledge_add(saved));
        for (size_t i = 0; i < saved->n_environments; i++) {
                struct known_environment *one = saved->environments[i];
                (void)snprintf(one->name, sizeof(one->name), "an-environment-with-a-long-nam%02u",
                               (unsigned)(i % 100));
                memset(one->base_url, 'a', BASE_URL_MAX);
                memcpy(one->base_url, "https://", 8);
                for (size_t k = 20; k < BASE_URL_MAX; k += 20) {
                        one->base_url[k] = '.';
                }
                memset(one->account, '\\', MAGE_ID_MAX);
                one->gone_usec = one->past.retry_after_usec = one->past.unauthorized_usec =
                        SAVED_TIME_MAX_USEC;
                one->past.n_sent = REFRESH_HOURLY_BUDGET;
                for (uint64_t k = 0; k < REFRESH_HOURLY_BUDGET; k++) {
                        one->past.sent[k] = (struct refresh_sent){ first + k, REFRESH_SHARE_OPERATOR };
                }
                one->n_keys = KNOWN_KEYS_MAX;
                for (size_t k = 0; k < KNOWN_KEYS_MAX; k++) {
                        one->keys[k].digest[0] = (uint8_t)k;
                        one->keys[k].known = (struct key_knowledge){ KEY_REFUSED, KEY_OF_OTHER_ACCOUNT,
                                                                     SAVED_TIME_MAX_USEC };
                }
        }
        saved->ledger->n_keys = EXCHANGE_LEDGER_KEYS_MAX;
        for (size_t i = 0; i < saved->ledger->n_keys; i++) {
                struct ledger_key *key = &saved->ledger->keys[i];
                memcpy(key->digest, &i, sizeof(i));
                key->n_sent = REFRESH_HOURLY_BUDGET;
                key->held_usec = SAVED_TIME_MAX_USEC;
                for (uint64_t k = 0; k < REFRESH_HOURLY_BUDGET; k++) {
                        key->sent[k] = (struct refresh_sent){ first + k, REFRESH_SHARE_OPERATOR };
                }
        }
        saved->ledger->n_urls = EXCHANGE_LEDGER_URLS_MAX;
        for (size_t i = 0; i < saved->ledger->n_urls; i++) {
                struct ledger_url *url = &saved->ledger->urls[i];
                (void)snprintf(url->base_url, sizeof(url->base_url), "%s", saved->environments[1]->base_url);
                url->base_url[9] = (char)('a' + i % 26);
                url->base_url[10] = (char)('a' + i / 26);
                url->until_usec = SAVED_TIME_MAX_USEC;
        }
        assert_int_equal(saved_knowledge_format(saved, &text, &length), 0);
        assert_true(length < SAVED_KNOWLEDGE_MAX);
        assert_int_equal(saved_knowledge_parse(text, length, &read, &why), 0);
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
        { "\"number\":17", "\"number\":0" },
        { "\"number\":17", "\"number\":017" },
        { "\"number\":17,", "" },
        { "\"number\":17", "\"number\":17,\"number\":17" },
        { "0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef0" },
        { "0101", "01" },
        { "abab", "ABAB" },
        { "[" ENVIRONMENT "]", "{}" },
        { "[" ENVIRONMENT "]", "[null]" },
        { "[" ENVIRONMENT "]", "[" ENVIRONMENT "," ENVIRONMENT "]" },
        { "\"sandbox\"", "\"v1\"" },
        { "\"sandbox\"", "\"sandbox\\u0000x\"" },
        { "https:", "http:" },
        { "adobe.com\"", "adobe.com/\"" },
        { "MAG000111222", "MAG'" },
        { "\"MAG000111222\"", "null" },
        { "\"gone_usec\":0", "\"gone_usec\":-1" },
        { "\"gone_usec\":0,", "" },
        { "[800000000,\"report\"]", "[900000000,\"report\"]" },
        { "[800000000,\"report\"]", "[0,\"report\"]" },
        { "[800000000,\"report\"]", "[800000000,\"caller\"]" },
        { "[800000000,\"report\"]", "[800000000,\"\"]" },
        { "[800000000,\"report\"]", "[800000000,\"report\\u0000\"]" },
        { "[800000000,\"report\"]", "[800000000,2]" },
        { "[800000000,\"report\"]", "[800000000]" },
        { "[800000000,\"report\"]", "[800000000,\"report\",1]" },
        { "[800000000,\"report\"]", "800000000" },
        { "[800000000,\"report\"]", "null" },
        { "\"retry_after_usec\":0", "\"retry_after_usec\":null" },
        { "\"unauthorized_usec\":0", "\"unauthorized_usec\":9000000000000000000" },
        { GOOD, "null" },
        { GOOD, "{}" },
        { GOOD, REFUSED },
        { "\"good\"", "\"untried\"" },
        { "\"good\"", "\"refused\"" },
        { "\"good\"", "\"splendid\"" },
        { "\"cause\":\"\"", "\"cause\":\"outdone\"" },
        { "\"unauthorized\"", "\"\"" },
        { "\"unauthorized\"", "\"disliked\"" },
        { "\"seen_usec\":900000001", "\"seen_usec\":900000001.0" },
        { LEDGER_KEY, LEDGER_KEY "," LEDGER_KEY },
        { LEDGER_KEY, "{\"digest\":" OTHER ",\"sent\":[],\"held_usec\":0}" },
        { "[800000000,\"trial\"]", "[900000000,\"trial\"]" },
        { "[800000000,\"trial\"]", "[800000000,\"caller\"]" },
        { "[800000000,\"trial\"]", "800000000" },
        { LEDGER_KEY, "null" },
        { LEDGER_URL, LEDGER_URL "," LEDGER_URL },
        { LEDGER_URL, "{\"base_url\":\"https://eqp.example\",\"until_usec\":0}" },
        { LEDGER_URL, "{\"base_url\":\"https://EQP.example\",\"until_usec\":1}" },
        { "{\"keys\":[" LEDGER_KEY, "{\"more\":1,\"keys\":[" LEDGER_KEY },
        { "\"ledger\":", "\"ledger\":null,\"before\":" },
        { "{\"version\"", " {\"version\"" },
        { TEXT, "" },
        { TEXT, "null" },
        { TEXT, "[]" },
        { TEXT, "{}" },
        { TEXT, TEXT "\n" },
        { TEXT, TEXT TEXT },
};

static void test_anything_else_is_refused(void **state)
{
        char text[4 * sizeof(TEXT)];

        for (size_t i = 0; i < ARRAY_SIZE(bad_changes); i++) {
                struct saved_knowledge *read = NULL;
                with(bad_changes[i].piece, bad_changes[i].by, text, sizeof(text));
                if (parse(text, &read) != -EBADMSG || read) {
                        fail_msg("%s instead of %s is taken", bad_changes[i].by, bad_changes[i].piece);
                }
        }
}

static void test_every_shorter_text_is_refused(void **state)
{
        struct saved_knowledge *read = NULL;
        const char *why;

        for (size_t length = 0; length < strlen(TEXT); length++) {
                assert_int_equal(saved_knowledge_parse(TEXT, length, &read, &why), -EBADMSG);
        }
        assert_null(read);
}

static void test_a_text_that_is_too_long_is_not_even_read(void **state)
{
        _cleanup_free_ char *text = malloc(SAVED_KNOWLEDGE_MAX + 1);
        struct saved_knowledge *read = NULL;
        const char *why;

        assert_non_null(text);
        memset(text, ' ', SAVED_KNOWLEDGE_MAX + 1);
        memcpy(text, TEXT, strlen(TEXT));
        assert_int_equal(saved_knowledge_parse(text, SAVED_KNOWLEDGE_MAX + 1, &read, &why), -EBADMSG);
        assert_null(read);
}

static void test_version_is_told(void **state)
{
        struct saved_knowledge *read = NULL;
        const char *why = NULL;

        assert_int_equal(saved_knowledge_parse("{\"version\":9}", 13, &read, &why), -EBADMSG);
        assert_string_equal(why, "another version of the program wrote it");
}

static void test_of_a_time_to_come_is_impossible(void **state)
{
        _cleanup_(saved_knowledge_freep) struct saved_knowledge *saved = make();
        struct known_environment *known = saved->environments[0];

        assert_true(known_environment_possible(known, 950 * USEC_PER_SEC));
        assert_false(known_environment_possible(known, 950 * USEC_PER_SEC - 1));
        known->gone_usec = NOW;
        assert_true(known_environment_possible(known, NOW));
        assert_false(known_environment_possible(known, NOW - 1));
}

static void test_two_memories_of_one_past(void **state)
{
        struct refresh_past past = { .sent = { { 10, REFRESH_SHARE_TRIAL }, { 30, REFRESH_SHARE_REPORT } },
                                     .n_sent = 2,
                                     .retry_after_usec = 7,
                                     .reported_usec = 5,
                                     .unauthorized_usec = 6 };
        const struct refresh_past other = { .sent = { { 5, REFRESH_SHARE_NEED },
                                                      { 10, REFRESH_SHARE_NEED },
                                                      { 20, REFRESH_SHARE_DEMAND },
                                                      { 30, REFRESH_SHARE_DEMAND } },
                                            .n_sent = 4,
                                            .retry_after_usec = 9,
                                            .reported_usec = 8 };
        static const struct refresh_sent both[] = { { 5, REFRESH_SHARE_NEED },
                                                    { 10, REFRESH_SHARE_TRIAL },
                                                    { 20, REFRESH_SHARE_DEMAND },
                                                    { 30, REFRESH_SHARE_REPORT } };

        refresh_past_join(&past, &other);
        assert_int_equal(past.n_sent, ARRAY_SIZE(both));
        for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
                assert_int_equal(past.sent[i].usec, both[i].usec);
                assert_int_equal(past.sent[i].share, both[i].share);
        }
        assert_int_equal(past.retry_after_usec, 7);
        assert_int_equal(past.reported_usec, 8);
        assert_int_equal(past.unauthorized_usec, 6);

        /* The other one went on: its latest knowledge counts. */
        struct refresh_past later = { .sent = { { 40, REFRESH_SHARE_NEED } }, .n_sent = 1 };
        refresh_past_join(&past, &later);
        assert_int_equal(past.n_sent, 5);
        assert_int_equal(past.retry_after_usec, 0);
        assert_int_equal(past.unauthorized_usec, 0);
}

static void test_of_too_long_a_past_the_latest_is_kept(void **state)
{
        struct refresh_past past = { .n_sent = REFRESH_HOURLY_BUDGET }, other = past;

        for (uint64_t i = 0; i < REFRESH_HOURLY_BUDGET; i++) {
                past.sent[i].usec = 2 * i + 1;
                other.sent[i].usec = 2 * i + 2;
        }
        refresh_past_join(&past, &other);
        assert_int_equal(past.n_sent, REFRESH_HOURLY_BUDGET);
        for (uint64_t i = 0; i < REFRESH_HOURLY_BUDGET; i++) {
                assert_int_equal(past.sent[i].usec, REFRESH_HOURLY_BUDGET + i + 1);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_text_is_what_it_always_was),
                cmocka_unit_test(test_a_written_text_can_be_read),
                cmocka_unit_test(test_a_key_that_is_held_and_has_sent_nothing),
                cmocka_unit_test(test_a_text_that_is_too_long_is_not_written),
                cmocka_unit_test(test_largest_one_fits),
                cmocka_unit_test(test_anything_else_is_refused),
                cmocka_unit_test(test_every_shorter_text_is_refused),
                cmocka_unit_test(test_a_text_that_is_too_long_is_not_even_read),
                cmocka_unit_test(test_version_is_told),
                cmocka_unit_test(test_of_a_time_to_come_is_impossible),
                cmocka_unit_test(test_two_memories_of_one_past),
                cmocka_unit_test(test_of_too_long_a_past_the_latest_is_kept),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}

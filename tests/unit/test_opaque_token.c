/* The form of opaque tokens: one spelling, and nothing of what they are bound to can be exchanged. */
#include "lib/opaque_token.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <errno.h>

#define TEXT                                                                                                \
        "eqpl1.reports.AAAAAHDb2IAAAAPoQEFCQ0RFRkdISUpLTE1OT40uMuXaAD"                                      \
        "oROGTGLcf17JgiOnuMl-funp-aqIP_EW-B"

/* SHA-256 of 0123456789abcdef four times. */
static const uint8_t hash[OPAQUE_TOKEN_HASH_SIZE] = { 0xa8, 0xae, 0x6e, 0x6e, 0xe9, 0x29, 0xab, 0xea,
                                                      0x3a, 0xfc, 0xfc, 0x52, 0x58, 0xc8, 0xcc, 0xd6,
                                                      0xf8, 0x52, 0x73, 0xe0, 0xd4, 0x62, 0x6d, 0x26,
                                                      0xc7, 0x27, 0x9f, 0x32, 0x50, 0xf7, 0x7c, 0x8e };
static const struct opaque_token_key key = { "production", "lk-reports-7f3c2a", hash };

static struct opaque_token sample(void)
{
        struct opaque_token token;

        assert_int_equal(opaque_token_parse(TEXT, &token), 0);
        return token;
}

static void reads_what_it_writes(void **state)
{
        const struct opaque_token token = sample();
        char text[OPAQUE_TOKEN_TEXT_MAX + 1];

        assert_string_equal(token.name, "reports");
        assert_int_equal(token.expires_sec, 1893456000);
        assert_int_equal(token.uid, 1000);
        for (size_t i = 0; i < sizeof(token.nonce); i++) {
                assert_int_equal(token.nonce[i], 0x40 + i);
        }
        opaque_token_format(&token, text);
        assert_string_equal(text, TEXT);
}

/* The MAC that is compared elsewhere: over just these bytes. */
static void is_bound(void **state)
{
        const struct opaque_token token = sample();
        uint8_t bytes[OPAQUE_TOKEN_BOUND_MAX];
        static const uint8_t expected[] = {
                0x65, 0x71, 0x70, 0x2d, 0x62, 0x72, 0x6f, 0x6b, 0x65, 0x72, 0x20, 0x6f, 0x70, 0x61,
                0x71, 0x75, 0x65, 0x20, 0x74, 0x6f, 0x6b, 0x65, 0x6e, 0x20, 0x31, 0x00, 0x70, 0x72,
                0x6f, 0x64, 0x75, 0x63, 0x74, 0x69, 0x6f, 0x6e, 0x00, 0x72, 0x65, 0x70, 0x6f, 0x72,
                0x74, 0x73, 0x00, 0x6c, 0x6b, 0x2d, 0x72, 0x65, 0x70, 0x6f, 0x72, 0x74, 0x73, 0x2d,
                0x37, 0x66, 0x33, 0x63, 0x32, 0x61, 0x00, 0xa8, 0xae, 0x6e, 0x6e, 0xe9, 0x29, 0xab,
                0xea, 0x3a, 0xfc, 0xfc, 0x52, 0x58, 0xc8, 0xcc, 0xd6, 0xf8, 0x52, 0x73, 0xe0, 0xd4,
                0x62, 0x6d, 0x26, 0xc7, 0x27, 0x9f, 0x32, 0x50, 0xf7, 0x7c, 0x8e, 0x00, 0x00, 0x00,
                0x00, 0x70, 0xdb, 0xd8, 0x80, 0x00, 0x00, 0x03, 0xe8, 0x40, 0x41, 0x42, 0x43, 0x44,
                0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x4b, 0x4c, 0x4d, 0x4e, 0x4f
        };

        assert_int_equal(opaque_token_bound(&token, &key, bytes), sizeof(expected));
        assert_memory_equal(bytes, expected, sizeof(expected));
}

static void is_other(const struct opaque_token *token, const struct opaque_token_key *with)
{
        const struct opaque_token right = sample();
        uint8_t bytes[OPAQUE_TOKEN_BOUND_MAX] = { 0 }, others[OPAQUE_TOKEN_BOUND_MAX] = { 0 };
        size_t length = opaque_token_bound(&right, &key, bytes), n = opaque_token_bound(token, with, others);

        assert_true(length != n || memcmp(bytes, others, n) != 0);
}

static void anything_else_is_bound_otherwise(void **state)
{
        static const uint8_t other_hash[OPAQUE_TOKEN_HASH_SIZE];
        const struct opaque_token right = sample();
        struct opaque_token token = right;

        is_other(&right, &(struct opaque_token_key){ "sandbox", key.id, hash });
        is_other(&right, &(struct opaque_token_key){ key.environment, "lk-reports-7f3c2b", hash });
        is_other(&right, &(struct opaque_token_key){ key.environment, key.id, other_hash });
        is_other(&right, &(struct opaque_token_key){ "productio", "nlk-reports-7f3c2a", hash });
        token.uid++;
        is_other(&token, &key);
        token = right;
        token.expires_sec++;
        is_other(&token, &key);
        token = right;
        token.nonce[15] ^= 1;
        is_other(&token, &key);
        token = right;
        memcpy(token.name, "report", 7);
        is_other(&token, &key);
}

static void one_spelling(void **state)
{
        static const char *const texts[] = {
                "",       "eqpl1.", "eqpl1.reports.", "eqpl1..", "EQPL1.reports.AAAA", "eqpl2." TEXT,
                " " TEXT, TEXT " ", TEXT "A",         TEXT "=",
        };
        struct opaque_token token;
        char text[] = TEXT;

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                assert_int_equal(opaque_token_parse(texts[i], &token), -EINVAL);
        }
        for (size_t i = 0; i < strlen(text); i++) {
                char was = text[i];
                text[i] = i < 6 ? 'x' : '+';
                if (i < 6 || i >= strlen("eqpl1.reports")) { /* a name may be any */
                        assert_int_equal(opaque_token_parse(text, &token), -EINVAL);
                }
                text[i] = was;
        }
        assert_true(opaque_token_looks_like(TEXT));
        assert_false(opaque_token_looks_like("baGXoStRuR9VCDFQGZNzgNqbqu5WUwlr.cAxZJ9m22Le7"));
}

static void longest(void **state)
{
        struct opaque_token token = sample(), again;
        char text[OPAQUE_TOKEN_TEXT_MAX + 1];

        memset(token.name, 'n', sizeof(token.name) - 1);
        token.uid = OPAQUE_TOKEN_ANY_UID;
        token.expires_sec = INT64_MAX;
        opaque_token_format(&token, text);
        assert_int_equal(strlen(text), OPAQUE_TOKEN_TEXT_MAX);
        assert_int_equal(opaque_token_parse(text, &again), 0);
        assert_memory_equal(&token, &again, sizeof(token));
        memcpy(token.name, "a.b", 4); /* dots are a part of names */
        opaque_token_format(&token, text);
        assert_int_equal(opaque_token_parse(text, &again), 0);
        assert_string_equal(again.name, "a.b");
}

static void ends(void **state)
{
        struct opaque_token token = sample();

        assert_false(opaque_token_expired(&token, token.expires_sec - 1));
        assert_true(opaque_token_expired(&token, token.expires_sec));
        assert_false(opaque_token_expired(&token, token.expires_sec - OPAQUE_TOKEN_LIFE_MAX_SEC));
        assert_true(opaque_token_expired(&token, token.expires_sec - OPAQUE_TOKEN_LIFE_MAX_SEC - 1));
        token.expires_sec = -1;
        assert_true(opaque_token_expired(&token, 1));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(reads_what_it_writes),
                cmocka_unit_test(is_bound),
                cmocka_unit_test(anything_else_is_bound_otherwise),
                cmocka_unit_test(one_spelling),
                cmocka_unit_test(longest),
                cmocka_unit_test(ends),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}

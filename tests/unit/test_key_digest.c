/* Keys are told apart by their digest, and it depends on the salt. */
#include "daemon/keeper/key_digest.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

static void digest(const char *text, uint8_t salt_byte, uint8_t ret[static KEYED_DIGEST_SIZE])
{
        _cleanup_(access_key_freep) struct access_key *key = NULL;
        uint8_t salt[KEYED_SALT_SIZE];
        const char *why;

        memset(salt, salt_byte, sizeof(salt));
        assert_int_equal(access_key_parse(text, strlen(text), &key, &why), 0);
        assert_int_equal(key_digest(key, salt, ret), 0);
}

static void test_same_key_same_digest(void **state)
{
        uint8_t one[KEYED_DIGEST_SIZE], other[KEYED_DIGEST_SIZE];
        digest("ID0815:a-secret", 1, one);
        digest("ID0815:a-secret\n", 1, other);
        assert_memory_equal(one, other, sizeof(one));
}

static void test_anything_else_another_digest(void **state)
{
        static const char *const texts[] = { "ID0815:a-secre", "ID0815:b-secret", "ID081:5a-secret",
                                             "ID0816:a-secret" };
        uint8_t one[KEYED_DIGEST_SIZE], other[KEYED_DIGEST_SIZE];

        digest("ID0815:a-secret", 1, one);
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                digest(texts[i], 1, other);
                assert_memory_not_equal(one, other, sizeof(one));
        }
        digest("ID0815:a-secret", 2, other);
        assert_memory_not_equal(one, other, sizeof(one));
}

/* HMAC-SHA256 as openssl(1) computes it: printf 'ID0815\0a-secret' | openssl dgst -sha256 -mac hmac -macopt
 * hexkey:0101… */
static void test_it_is_hmac_sha256(void **state)
{
        static const uint8_t expected[KEYED_DIGEST_SIZE] = {
                0x82, 0x46, 0xa5, 0x2f, 0xfe, 0xd6, 0x49, 0xeb, 0xbc, 0x64, 0xeb,
                0x22, 0x85, 0x5a, 0xde, 0x53, 0xcd, 0xaa, 0x41, 0x7f, 0x0c, 0x44,
                0x6c, 0xcf, 0x2f, 0x0f, 0xc2, 0x65, 0x7c, 0x6a, 0xb2, 0x72
        };
        uint8_t one[KEYED_DIGEST_SIZE];
        digest("ID0815:a-secret", 1, one);
        assert_memory_equal(one, expected, sizeof(one));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_same_key_same_digest),
                cmocka_unit_test(test_anything_else_another_digest),
                cmocka_unit_test(test_it_is_hmac_sha256),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}

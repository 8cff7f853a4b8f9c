/* The secret of opaque tokens where nobody keeps it: HKDF (RFC 5869) of an access key. */
#include "daemon/keeper/opaque_keys.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <errno.h>

#define SECRET "8820c99614d65f923df7660276f20e029d73e2ca"

static int derive(const char *text, const char *environment, uint8_t ret[static OPAQUE_KEY_SIZE])
{
        _cleanup_(access_key_freep) struct access_key *key = NULL;
        const char *why;

        assert_int_equal(access_key_parse(text, strlen(text), &key, &why), 0);
        return opaque_key_derive(key, environment, ret);
}

/* Calculated with Python's hmac: PRK = HMAC("eqp-broker opaque v1", secret), HMAC(PRK, "production" 01). */
static void is_hkdf(void **state)
{
        static const uint8_t expected[OPAQUE_KEY_SIZE] = { 0xc6, 0xda, 0x5f, 0x84, 0x9e, 0x12, 0xb1, 0x73,
                                                           0x59, 0xcd, 0xcd, 0x92, 0x21, 0xef, 0x72, 0x91,
                                                           0x0a, 0x00, 0x45, 0xec, 0xfa, 0xe9, 0x86, 0x16,
                                                           0x8f, 0x4a, 0x99, 0xd3, 0x77, 0x89, 0xf5, 0x94 };
        uint8_t key[OPAQUE_KEY_SIZE];

        assert_int_equal(derive("AQ17NZ49WC:" SECRET, "production", key), 0);
        assert_memory_equal(key, expected, sizeof(key));
}

static void is_of_one_environment_and_secret(void **state)
{
        uint8_t key[OPAQUE_KEY_SIZE], other[OPAQUE_KEY_SIZE];

        assert_int_equal(derive("AQ17NZ49WC:" SECRET, "production", key), 0);
        assert_int_equal(derive("AQ17NZ49WC:" SECRET, "sandbox", other), 0);
        assert_memory_not_equal(key, other, sizeof(key));
        assert_int_equal(derive("AQ17NZ49WC:" SECRET "1", "production", other), 0);
        assert_memory_not_equal(key, other, sizeof(key));
}

/* A holder of an opaque token could try all short secrets. */
static void short_secrets_give_none(void **state)
{
        uint8_t key[OPAQUE_KEY_SIZE];

        assert_int_equal(derive("ID:0123456789abcdef0123456789abcde", "production", key), -EINVAL);
        assert_int_equal(derive("ID:0123456789abcdef0123456789abcdef", "production", key), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(is_hkdf),
                                            cmocka_unit_test(is_of_one_environment_and_secret),
                                            cmocka_unit_test(short_secrets_give_none) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The Authorization header: whom it names, and what is none of Basic. */
#include "daemon/frontend/callers/basic_auth.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <errno.h>

static void names(void **state)
{
        static const struct {
                const char *value, *id;
        } rows[] = {
                { "Basic bmlnaHRseTp4", "nightly" },   { "basic bmlnaHRseTp4", "nightly" },
                { "BASIC   bmlnaHRseTp4", "nightly" }, { "Basic Og==", "" }, /* ":" */
                { "Basic YTpiOmM6ZA==", "a" }, /* "a:b:c:d": the first colon divides */
                { "Basic w7w6w7w=", "\xc3\xbc" },      { "Basic IDo=", " " },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_free_ char *id = NULL;
                uint8_t hash[BASIC_AUTH_HASH_SIZE];
                assert_int_equal(basic_auth_read(rows[i].value, &id, hash), 0);
                assert_string_equal(id, rows[i].id);
        }
}

static void none(void **state)
{
        static const char *const values[] = {
                NULL,
                "",
                "Basic",
                "Basic ",
                "Basicbmlnaml0",
                "Bearer bmlnaHRseTp4",
                "Digest username=\"a\"",
                "Basic !!!!",
                "Basic bmlnaHRseQ==",  /* no colon */
                "Basic bmlnaHRseTp4A", /* no base64 */
                "Basic YQBiOmM=",      /* a NUL */
                "Basic bmlnaHRseTp4, Basic Og==",
        };

        for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
                char *id = NULL;
                uint8_t hash[BASIC_AUTH_HASH_SIZE];
                if (basic_auth_read(values[i], &id, hash) != -EINVAL) {
                        fail_msg("%s passes", values[i]);
                }
                assert_null(id);
        }
}

/* printf b:c:d | sha256sum: all behind the first colon. */
static void hashes(void **state)
{
        static const uint8_t expected[BASIC_AUTH_HASH_SIZE] = { 0xba, 0x58, 0x87, 0x2a, 0xa1, 0x87, 0x11,
                                                                0x1b, 0x0c, 0x71, 0x46, 0x46, 0x96, 0x0f,
                                                                0x2a, 0x9d, 0x35, 0xa1, 0x0d, 0x9f, 0x47,
                                                                0x14, 0xd4, 0x3e, 0x38, 0x2e, 0x59, 0x8f,
                                                                0xa0, 0x20, 0x5b, 0x04 };
        _cleanup_free_ char *id = NULL;
        uint8_t hash[BASIC_AUTH_HASH_SIZE];

        assert_int_equal(basic_auth_read("Basic YTpiOmM6ZA==", &id, hash), 0);
        assert_memory_equal(hash, expected, sizeof(hash));
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(names), cmocka_unit_test(none),
                                            cmocka_unit_test(hashes) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}

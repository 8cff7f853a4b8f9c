/* The Authorization header: whom it names, and what is none of Basic. */
#include "daemon/frontend/http/basic_auth.h"

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
                assert_int_equal(basic_auth_id(rows[i].value, &id), 0);
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
                if (basic_auth_id(values[i], &id) != -EINVAL) {
                        fail_msg("%s passes", values[i]);
                }
                assert_null(id);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(names), cmocka_unit_test(none) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}

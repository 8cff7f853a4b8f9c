/* Requests to a store, byte by byte. */
#include "lib/secret.h"
#include "lib/settings.h"
#include "lib/share_form.h"
#include "lib/store_request.h"
#include "tests/unit/unit.h"

#define SESSION "$10\r\neqp1:{0af}\r\n"
#define LEASE   "$12\r\neqp1:{0af}:l\r\n"
#define SPARE   "$12\r\neqp1:{0af}:x\r\n"
#define ID      "\0\r\n*1\r\n$4\r\nEXEC\xff" /* with bytes that look like a command */
#define MULTI   "*1\r\n$5\r\nMULTI\r\n"
#define EXEC    "*1\r\n$4\r\nEXEC\r\n"

static const struct store_place place = { "eqp1:{0af}", "eqp1:{0af}:l", ID };

/* Takes the request. */
static void assert_bytes(struct store_request *request, const char *expected, size_t size)
{
        assert_non_null(request);
        assert_int_equal(request->size, size);
        assert_memory_equal(request->bytes, expected, size);
        assert_true(secret_locked(request->bytes) || geteuid() != 0);
        assert_memory_equal(request->lease_id, ID, STORE_LEASE_ID_SIZE);
        (void)store_request_free(request);
}

#define ASSERT_BYTES(request, text) assert_bytes((request), (text), sizeof(text) - 1)

static void claims(void **state)
{
        struct store_request *request = NULL;

        assert_int_equal(store_request_claim(&request, NULL, &place), 0);
        assert_false(request->logs_in);
        assert_int_equal(request->n_commands, 6);
        ASSERT_BYTES(request, MULTI "*1\r\n$4\r\nTIME\r\n"
                                    "*2\r\n$4\r\nPTTL\r\n" SESSION "*2\r\n$3\r\nGET\r\n" SESSION
                                    "*6\r\n$3\r\nSET\r\n" LEASE "$16\r\n" ID
                                    "\r\n$2\r\nNX\r\n$2\r\nPX\r\n$5\r\n25000\r\n"
                                    "*2\r\n$4\r\nPTTL\r\n" LEASE "*2\r\n$3\r\nGET\r\n" LEASE EXEC);
}

/* The holder writes its cool-down over the lease: in time even if the talks before and after the exchange
 * take their 2 s each. */
static void a_lease_outlasts_an_exchange(void **state)
{
        struct settings *settings = NULL;

        assert_int_equal(settings_new(&settings), 0);
        uint64_t exchange_usec = settings->environments[0].exchange_timeout_usec;
        assert_true(exchange_usec + 4 * USEC_PER_SEC < STORE_LEASE_MSEC * USEC_PER_MSEC);
        settings_free(settings);
}

static void looks(void **state)
{
        struct store_request *request = NULL;

        assert_int_equal(store_request_look(&request, NULL, &place), 0);
        ASSERT_BYTES(request, MULTI "*1\r\n$4\r\nTIME\r\n"
                                    "*2\r\n$4\r\nPTTL\r\n" LEASE "*2\r\n$3\r\nGET\r\n" LEASE
                                    "*2\r\n$3\r\nDEL\r\n" SPARE EXEC);
        char long_name[SHARE_NAME_MAX];
        struct store_place long_place = place;

        memset(long_name, 'a', sizeof(long_name));
        long_name[SHARE_NAME_MAX - 3] = '\0'; /* ":x" fits behind it, and its end */
        long_place.session_name = long_name;
        request = NULL;
        assert_int_equal(store_request_look(&request, NULL, &long_place), 0);
        request = store_request_free(request);
        long_name[SHARE_NAME_MAX - 3] = 'a';
        long_name[SHARE_NAME_MAX - 2] = '\0';
        assert_int_equal(store_request_look(&request, NULL, &long_place), -EINVAL);
        assert_null(request);
}

#define PUBLISHED                                                                                           \
        "*5\r\n$3\r\nSET\r\n" SESSION "$4\r\nv\0\r\n\r\n$2\r\nPX\r\n$7\r\n7200000\r\n"                      \
        "*3\r\n$9\r\nPEXPIREAT\r\n" SESSION "$13\r\n1796000007200\r\n"

static void publishes(void **state)
{
        struct store_request *request = NULL;

        assert_int_equal(
                store_request_publish(&request, NULL, &place, "v\0\r\n", 4, 7200000, 1796000007200, true),
                0);
        ASSERT_BYTES(request, MULTI PUBLISHED "*2\r\n$3\r\nDEL\r\n" LEASE EXEC);
        request = NULL;
        assert_int_equal(
                store_request_publish(&request, NULL, &place, "v\0\r\n", 4, 7200000, 1796000007200, false),
                0);
        ASSERT_BYTES(request, MULTI PUBLISHED EXEC); /* another's lease is let alone */
}

static void rehearses(void **state)
{
        struct store_request *request = NULL;

        assert_int_equal(store_request_rehearse(&request, NULL, &place, 5000, 1796000007200), 0);
        ASSERT_BYTES(request, MULTI "*5\r\n$3\r\nSET\r\n" SESSION "$1\r\nx\r\n$2\r\nPX\r\n$4\r\n5000\r\n"
                                    "*3\r\n$9\r\nPEXPIREAT\r\n" SESSION "$13\r\n1796000007200\r\n"
                                    "*5\r\n$3\r\nSET\r\n" LEASE "$1\r\nx\r\n$2\r\nPX\r\n$4\r\n5000\r\n"
                                    "*3\r\n$7\r\nPEXPIRE\r\n" LEASE "$4\r\n5000\r\n"
                                    "*2\r\n$3\r\nDEL\r\n" LEASE "*2\r\n$3\r\nDEL\r\n" SESSION EXEC);
        request = NULL;
        assert_int_equal(store_request_rehearse(&request, NULL, &place, 0, 1), -EINVAL);
}

static void cools_down_and_lapses(void **state)
{
        struct store_request *request = NULL;

        assert_int_equal(store_request_cool(&request, NULL, &place, "v", 1, 100000), 0);
        ASSERT_BYTES(request,
                     MULTI "*5\r\n$3\r\nSET\r\n" LEASE "$1\r\nv\r\n$2\r\nPX\r\n$6\r\n100000\r\n" EXEC);
        request = NULL;
        assert_int_equal(store_request_lapse(&request, NULL, &place), 0);
        ASSERT_BYTES(request, MULTI "*3\r\n$7\r\nPEXPIRE\r\n" LEASE "$4\r\n5000\r\n" EXEC);
}

#define LAPSES MULTI "*3\r\n$7\r\nPEXPIRE\r\n" LEASE "$4\r\n5000\r\n" EXEC

static void logs_in_where_there_is_a_password(void **state)
{
        const struct store_login named = { "eqp", "pass\r\nword" }, unnamed = { "", "secret" },
                                 nobody = { "eqp", NULL };
        struct store_request *request = NULL;

        assert_int_equal(store_request_lapse(&request, &named, &place), 0);
        assert_true(request->logs_in);
        ASSERT_BYTES(request, "*3\r\n$4\r\nAUTH\r\n$3\r\neqp\r\n$10\r\npass\r\nword\r\n" LAPSES);
        request = NULL;
        assert_int_equal(store_request_lapse(&request, &unnamed, &place), 0);
        assert_true(request->logs_in);
        ASSERT_BYTES(request, "*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n" LAPSES);
        request = NULL;
        assert_int_equal(store_request_lapse(&request, &nobody, &place), 0);
        assert_false(request->logs_in);
        ASSERT_BYTES(request, LAPSES);
}

static void has_bounds(void **state)
{
        static char value[SHARE_VALUE_MAX + 1], username[STORE_USERNAME_MAX + 2],
                password[STORE_PASSWORD_MAX + 2];
        struct store_login login = { username, password };
        const uint64_t longest_msec = UINT64_C(1000) * LIFETIME_MAX_SEC;
        struct store_request *request = NULL;

        memset(username, 'u', sizeof(username) - 2);
        memset(password, 'p', sizeof(password) - 2);
        /* The longest of everything fits. */
        assert_int_equal(store_request_publish(&request, &login, &place, value, SHARE_VALUE_MAX,
                                               longest_msec, SHARE_TIME_MAX_USEC / 1000, true),
                         0);
        request = store_request_free(request);
        assert_int_equal(
                store_request_publish(&request, NULL, &place, value, SHARE_VALUE_MAX + 1, 1, 1, true),
                -EINVAL);
        assert_int_equal(store_request_publish(&request, NULL, &place, value, 1, 0, 1, true), -EINVAL);
        assert_int_equal(store_request_publish(&request, NULL, &place, value, 1, longest_msec + 1, 1, true),
                         -EINVAL);
        assert_int_equal(store_request_publish(&request, NULL, &place, value, 1, 1,
                                               SHARE_TIME_MAX_USEC / 1000 + 1, true),
                         -EINVAL);
        assert_int_equal(store_request_cool(&request, NULL, &place, value, SHARE_VALUE_MAX + 1, 1), -EINVAL);
        assert_int_equal(store_request_cool(&request, NULL, &place, value, 1, 0), -EINVAL);
        username[STORE_USERNAME_MAX] = 'u';
        assert_int_equal(store_request_lapse(&request, &login, &place), -EINVAL);
        username[0] = '\0';
        password[STORE_PASSWORD_MAX] = 'p';
        assert_int_equal(store_request_lapse(&request, &login, &place), -EINVAL);
        assert_null(request);
        assert_null(store_request_free(NULL));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(claims),
                cmocka_unit_test(a_lease_outlasts_an_exchange),
                cmocka_unit_test(looks),
                cmocka_unit_test(publishes),
                cmocka_unit_test(rehearses),
                cmocka_unit_test(cools_down_and_lapses),
                cmocka_unit_test(logs_in_where_there_is_a_password),
                cmocka_unit_test(has_bounds),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Places: whose broker it is, for each of the surroundings, and paths at their limits. */
#include "lib/places.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <errno.h>

static const struct places_surroundings session = {
        .uid = 1000, .home = "/home/somebody", .runtime = "/run/user/1000", .owns_runtime = true
};

static void expect(enum places_scope scope, const struct places_surroundings *around, bool user)
{
        struct places places;
        const char *why;

        assert_int_equal(places_find(&places, scope, around, &why), 0);
        assert_int_equal(places.user, user);
        if (!user) {
                assert_string_equal(places.config, PLACES_SYSTEM_CONFIG);
                assert_string_equal(places.keys, PLACES_SYSTEM_KEYS);
                assert_string_equal(places.socket, PLACES_SYSTEM_SOCKET);
        }
}

static void expect_missing(const struct places_surroundings *around, const char *word)
{
        struct places places = { .user = true, .uid = 7 };
        const char *why = NULL;

        assert_int_equal(places_find(&places, PLACES_USER, around, &why), -ENOENT);
        assert_non_null(strstr(why, word));
        assert_int_equal(places.uid, 7); /* untouched */
        expect(PLACES_AUTO, around, false);
}

static void a_session_has_its_own(void **state)
{
        struct places places;
        const char *why;

        assert_int_equal(places_find(&places, PLACES_AUTO, &session, &why), 0);
        assert_true(places.user);
        assert_int_equal(places.uid, 1000);
        assert_string_equal(places.config, "/home/somebody/.config/eqp-broker/eqp-brokerd.conf");
        assert_string_equal(places.keys, "/home/somebody/.config/eqp-broker/keys");
        assert_string_equal(places.socket, "/run/user/1000/eqp-broker/eqp-broker.sock");
}

static void the_configuration_may_be_elsewhere(void **state)
{
        struct places_surroundings around = session;
        struct places places;
        const char *why;

        around.config_home = "/srv/settings";
        assert_int_equal(places_find(&places, PLACES_AUTO, &around, &why), 0);
        assert_string_equal(places.keys, "/srv/settings/eqp-broker/keys");
        around.home = NULL; /* is not needed then */
        expect(PLACES_AUTO, &around, true);
        around.home = "/home/somebody";
        around.config_home = "settings"; /* does not count */
        assert_int_equal(places_find(&places, PLACES_AUTO, &around, &why), 0);
        assert_string_equal(places.keys, "/home/somebody/.config/eqp-broker/keys");
}

static void root_has_to_say_so(void **state)
{
        struct places_surroundings around = session;

        around.uid = 0;
        expect(PLACES_AUTO, &around, false);
        expect(PLACES_USER, &around, true);
        expect(PLACES_SYSTEM, &session, false);
}

static void a_missing_part_is_named(void **state)
{
        struct places_surroundings around = session;

        around.owns_runtime = false;
        expect_missing(&around, "another user's");
        around = session;
        around.runtime = NULL;
        expect_missing(&around, "XDG_RUNTIME_DIR is not set");
        around.runtime = "run";
        expect_missing(&around, "XDG_RUNTIME_DIR is not set");
        around = session;
        around.home = "";
        expect_missing(&around, "nor HOME");
        around.home = "/home/somebody\n"; /* would be two lines of settings */
        expect_missing(&around, "nor HOME");
}

static void a_path_is_whole_or_not_at_all(void **state)
{
        char runtime[PLACES_SOCKET_MAX], socket[PLACES_SOCKET_MAX], home[PLACES_PATH_MAX + 1];
        const size_t fits = PLACES_SOCKET_MAX - sizeof("/eqp-broker/eqp-broker.sock");
        struct places_surroundings around = session;

        memset(runtime, 'r', sizeof(runtime));
        runtime[0] = '/';
        runtime[fits + 1] = '\0';
        assert_false(places_user_socket(socket, runtime));
        runtime[fits] = '\0';
        assert_true(places_user_socket(socket, runtime));
        assert_int_equal(strlen(socket), PLACES_SOCKET_MAX - 1);
        assert_false(places_user_socket(socket, "/run/\x7f"));

        memset(home, 'h', sizeof(home));
        home[0] = '/';
        home[PLACES_PATH_MAX] = '\0';
        around.home = home;
        expect_missing(&around, "short enough");
        home[PLACES_PATH_MAX - sizeof("/.config/eqp-broker/eqp-brokerd.conf")] = '\0';
        expect(PLACES_AUTO, &around, true);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_session_has_its_own),
                cmocka_unit_test(the_configuration_may_be_elsewhere),
                cmocka_unit_test(root_has_to_say_so),
                cmocka_unit_test(a_missing_part_is_named),
                cmocka_unit_test(a_path_is_whole_or_not_at_all),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}

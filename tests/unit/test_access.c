/* Names in rules: what is looked up, and what becomes of a user database that does not tell. */
#include "daemon/access.h"

#include "lib/util.h"
#include "tests/unit/unit.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>

static int group_error;
static bool group_known;

struct group *__wrap_getgrnam(const char *name);
struct passwd *__wrap_getpwnam(const char *name);

struct group *__wrap_getgrnam(const char *name)
{
        static struct group group = { .gr_gid = 4711 };

        (void)name;
        errno = group_error;
        return group_known ? &group : NULL;
}

struct passwd *__wrap_getpwnam(const char *name)
{
        (void)name;
        errno = group_error;
        return NULL;
}

/* The defaults, which name a group that need not exist; with own_rule, one that has to. */
static int resolve(int error, bool known, const char *own_rule, bool *ret_resolved,
                   char message[static SETTINGS_ERROR_MAX])
{
        _cleanup_(settings_freep) struct settings *settings = NULL;
        char text[128];

        group_error = error;
        group_known = known;
        message[0] = '\0';
        assert_int_equal(settings_new(&settings), 0);
        if (own_rule) {
                (void)snprintf(text, sizeof(text), "[broker]\nallow = %s\n", own_rule);
                assert_int_equal(settings_read(settings, "a.conf", text, strlen(text), message), 0);
        }
        int r = access_resolve(settings, message);
        *ret_resolved = settings->allow.rules[settings->allow.n - 1].resolved;
        return r;
}

static void a_default_group_need_not_exist(void **state)
{
        const int ways_to_say_so[] = { 0, ENOENT, ESRCH, EBADF, EPERM, ECONNREFUSED };
        char message[SETTINGS_ERROR_MAX];
        bool resolved;

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(ways_to_say_so); i++) {
                assert_int_equal(resolve(ways_to_say_so[i], false, NULL, &resolved, message), 0);
                assert_false(resolved);
        }
        assert_int_equal(resolve(0, true, NULL, &resolved, message), 0);
        assert_true(resolved);
}

/* Its members would be refused until the next reload. */
static void a_default_group_is_not_lost_for_want_of_descriptors(void **state)
{
        char message[SETTINGS_ERROR_MAX];
        bool resolved;

        (void)state;
        assert_int_equal(resolve(EMFILE, false, NULL, &resolved, message), -EMFILE);
        assert_non_null(strstr(message, "allow = group:eqp-broker"));
        assert_int_equal(resolve(ENOMEM, false, NULL, &resolved, message), -ENOMEM);
}

static void a_rule_says_what_is_wrong(void **state)
{
        char message[SETTINGS_ERROR_MAX];
        bool resolved;

        (void)state;
        assert_int_equal(resolve(0, false, "user:nobody-here", &resolved, message), -ENOENT);
        assert_string_equal(message,
                            "[broker] allow = user:nobody-here: there is no such user on this host: "
                            "create it, or correct the name");
        assert_int_equal(resolve(ECONNREFUSED, false, "group:remote", &resolved, message), -ECONNREFUSED);
        assert_non_null(strstr(message, "allow = group:remote: the user database does not tell"));
        assert_non_null(strstr(message, strerror(ECONNREFUSED)));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_default_group_need_not_exist),
                cmocka_unit_test(a_default_group_is_not_lost_for_want_of_descriptors),
                cmocka_unit_test(a_rule_says_what_is_wrong),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Which folders are units' control groups, in a tree of ordinary folders: their numbers are inodes as well.
 */
#include "daemon/keeper/unit_tree.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[] = "/dev/shm/eqp-test-XXXXXX";
static int root_fd = -1;

static int remove_one(const char *path, const struct stat *file, int type, struct FTW *where)
{
        return remove(path);
}

static int begin(void **state)
{
        memcpy(root + strlen(root) - 6, "XXXXXX", 6);
        assert_non_null(mkdtemp(root));
        root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(root_fd >= 0);
        return 0;
}

static int end(void **state)
{
        (void)close(root_fd);
        return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Makes a folder with what is above it; returns its number. */
static uint64_t make(const char *path)
{
        char part[512];
        struct stat file;

        for (const char *p = path; p;) {
                p = strchr(p, '/');
                (void)snprintf(part, sizeof(part), "%.*s", p ? (int)(p - path) : (int)strlen(path), path);
                (void)mkdirat(root_fd, part, 0700);
                p = p ? p + 1 : NULL;
        }
        assert_int_equal(fstatat(root_fd, path, &file, 0), 0);
        return file.st_ino;
}

static bool is_named(const char *unit, void *userdata)
{
        const char *const *named = userdata;

        for (; *named; named++) {
                if (unit_name_fits(*named, unit)) {
                        return true;
                }
        }
        return false;
}

static const char *const named[] = { "deploy.service", "worker@.service", "cpu.service", NULL };

static const char *find_as(uid_t owner, uint64_t cgroup)
{
        static struct unit_tree_wanted wanted;

        wanted = (struct unit_tree_wanted){ .cgroup = cgroup };
        unit_tree_find(root_fd, owner, is_named, (void *)(uintptr_t)named, &wanted, 1);
        return wanted.unit;
}

static const char *find(uint64_t cgroup)
{
        return find_as(geteuid(), cgroup);
}

static void units_are_in_slices(void **state)
{
        assert_string_equal(find(make("system.slice/deploy.service")), "deploy.service");
        assert_string_equal(find(make("system.slice/system-worker.slice/worker@7.service")),
                            "worker@7.service");
        assert_string_equal(find(make("a.slice/a-b.slice/a-b-c.slice/worker@x@y.service")),
                            "worker@x@y.service");
        assert_string_equal(find(make("system.slice/_cpu.service")), "cpu.service");
        assert_string_equal(find(make("system.slice/other.service")), ""); /* no rule is for it */
        assert_string_equal(find(make("system.slice")), "");
        assert_string_equal(find(make("init.scope")), "");
}

static void groups_below_a_unit_belong_to_it(void **state)
{
        assert_string_equal(find(make("system.slice/deploy.service/.control")), "deploy.service");
        assert_string_equal(find(make("system.slice/deploy.service/a/b/c")), "deploy.service");
        /* Whatever it is called, and so is a container in it, with a service manager of its own. */
        assert_string_equal(find(make("system.slice/other.service/deploy.service")), "");
        assert_string_equal(find(make("machine.slice/other.service/payload/system.slice/deploy.service")),
                            "");
        assert_string_equal(find(make("system.slice/deploy.service/x.slice/worker@1.service")),
                            "deploy.service");
}

static void users_and_scopes_have_no_units(void **state)
{
        assert_string_equal(find(make("user.slice/user-1.slice/user@1.service/app.slice/deploy.service")),
                            "");
        assert_string_equal(find(make("user.slice/deploy.service")), "");
        assert_string_equal(find(make("system.slice/docker-1.scope/deploy.service")), "");
        assert_string_equal(find(make("x.scope/system.slice/deploy.service")), "");
        assert_string_equal(find(make("kubepods/system.slice/deploy.service")), "");
        /* Only at the top it is that one. */
        assert_string_equal(find(make("a.slice/user.slice/deploy.service")), "deploy.service");
}

static void a_slice_of_somebody_else_names_nobody(void **state)
{
        uint64_t cgroup = make("system.slice/deploy.service");

        assert_string_equal(find_as(geteuid() + 1, cgroup), "");
}

static void links_are_not_followed(void **state)
{
        uint64_t cgroup = make("elsewhere/deploy.service");
        char target[256];

        (void)snprintf(target, sizeof(target), "%s/elsewhere", root);
        assert_int_equal(symlinkat(target, root_fd, "system.slice"), 0);
        assert_string_equal(find(cgroup), "");
}

/* It may make as many folders as it likes. */
static void a_unit_cannot_keep_others_from_being_found(void **state)
{
        char path[64];
        uint64_t deep;

        for (int i = 0; i < 2 * UNIT_TREE_FOLDERS_MAX; i++) {
                (void)snprintf(path, sizeof(path), "a.slice/deploy.service/%d/x", i);
                (void)make(path);
        }
        deep = make("system.slice/worker@1.service/x");
        assert_string_equal(find(make("system.slice/worker@1.service")), "worker@1.service");
        assert_string_equal(find(deep), "worker@1.service");
}

static void many_are_found_in_one_walk(void **state)
{
        struct unit_tree_wanted wanted[3] = { { .cgroup = make("system.slice/deploy.service") },
                                              { .cgroup = make("system.slice/other.service") },
                                              { .cgroup = make("system.slice/worker@1.service/sub") } };

        unit_tree_find(root_fd, geteuid(), is_named, (void *)(uintptr_t)named, wanted, ARRAY_SIZE(wanted));
        assert_string_equal(wanted[0].unit, "deploy.service");
        assert_string_equal(wanted[1].unit, "");
        assert_string_equal(wanted[2].unit, "worker@1.service");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(units_are_in_slices, begin, end),
                cmocka_unit_test_setup_teardown(groups_below_a_unit_belong_to_it, begin, end),
                cmocka_unit_test_setup_teardown(users_and_scopes_have_no_units, begin, end),
                cmocka_unit_test_setup_teardown(a_slice_of_somebody_else_names_nobody, begin, end),
                cmocka_unit_test_setup_teardown(links_are_not_followed, begin, end),
                cmocka_unit_test_setup_teardown(a_unit_cannot_keep_others_from_being_found, begin, end),
                cmocka_unit_test_setup_teardown(many_are_found_in_one_walk, begin, end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Paths that lead to something else, seen at once; neighbours, which are nobody's business; and watches that
 * are kept. */
#include "daemon/keeper/path_watch.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char place[64];
static sd_event *event;
static struct path_watch *watch;
static unsigned n_noticed, n_watched;
static int failure; /* of the next watches, 0: none */

int __real_sd_event_add_inotify(sd_event *, sd_event_source **, const char *, uint32_t,
                                sd_event_inotify_handler_t, void *);
int __wrap_sd_event_add_inotify(sd_event *, sd_event_source **, const char *, uint32_t,
                                sd_event_inotify_handler_t, void *);

int __wrap_sd_event_add_inotify(sd_event *in, sd_event_source **source, const char *path, uint32_t mask,
                                sd_event_inotify_handler_t handler, void *userdata)
{
        n_watched++;
        return failure < 0 ? failure
                           : __real_sd_event_add_inotify(in, source, path, mask, handler, userdata);
}

static void notice(void *userdata)
{
        n_noticed++;
}

/* One of the places by its name; good until eight more were asked for. */
static const char *in_place(const char *name)
{
        static char paths[8][PATH_MAX];
        static size_t next;
        char *path = paths[next++ % ARRAY_SIZE(paths)];

        (void)snprintf(path, PATH_MAX, "%s/%s", place, name);
        return path;
}

static void make(const char *name)
{
        assert_int_equal(mkdir(in_place(name), 0700), 0);
}

static void make_link(const char *target, const char *name)
{
        assert_int_equal(symlink(target, in_place(name)), 0);
}

static void move(const char *from, const char *to)
{
        assert_int_equal(rename(in_place(from), in_place(to)), 0);
}

static void write_file(const char *name)
{
        int fd = open(in_place(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, "x", 1), 1);
        assert_int_equal(close(fd), 0);
}

/* Was something noticed since it was last asked? */
static bool noticed(void)
{
        n_noticed = 0;
        while (sd_event_run(event, 0) > 0) {
        }
        return n_noticed > 0;
}

static int walk_directory(const char *name)
{
        path_watch_begin(watch);
        int r = path_watch_directory(watch, in_place(name));
        path_watch_end(watch, /* trouble= */ r < 0);
        return r;
}

static void again(const char *name)
{
        assert_int_equal(walk_directory(name), 0);
        assert_false(noticed());
}

static int set_up(void **state)
{
        failure = 0;
        (void)snprintf(place, sizeof(place), "/tmp/eqp-test-path-watch-XXXXXX");
        assert_non_null(mkdtemp(place));
        assert_true(sd_event_new(&event) >= 0);
        assert_int_equal(path_watch_new(&watch, event, notice, NULL), 0);
        make("a");
        make("a/keys");
        make("b");
        make("b/keys");
        return 0;
}

static int tear_down(void **state)
{
        char command[128];

        watch = path_watch_free(watch);
        event = sd_event_unref(event);
        (void)snprintf(command, sizeof(command), "rm -rf '%s'", place);
        return system(command); /* NOLINT(cert-env33-c): the name is this test's own */
}

static void each_name_of_a_path(void **state)
{
        make_link("a/../b/.", "link");
        again("link/keys");
        write_file("b/keys/sandbox");
        assert_true(noticed());
        assert_int_equal(chmod(in_place("b/keys/sandbox"), 0400), 0);
        assert_true(noticed());
        assert_int_equal(chmod(in_place("b"), 0711), 0);
        assert_true(noticed());
        make_link("a", "new");
        move("new", "link");
        assert_true(noticed());
        again("link/keys");
        move("a/keys", "a/other");
        assert_true(noticed());
        again("link/keys"); /* there is none */
        make("a/keys");
        assert_true(noticed());
        again("link/keys");
        move("a", "before");
        assert_true(noticed());
}

static void neighbours_are_nobody_s_business(void **state)
{
        make_link("a", "link");
        again("link/keys");
        write_file("file");
        write_file("a/file");
        make("c");
        move("c", "d");
        move("b/keys", "b/other");
        assert_int_equal(chmod(in_place("b"), 0711), 0);
        assert_false(noticed());
}

static void a_path_that_is_not_there_yet(void **state)
{
        again("x/y/keys");
        make("x");
        assert_true(noticed());
        again("x/y/keys");
        make("x/other");
        assert_false(noticed());
        make("x/y");
        assert_true(noticed());
        again("x/y/keys");
        make("x/y/keys");
        assert_true(noticed());
}

static void a_file_by_its_links(void **state)
{
        make("store");
        write_file("store/one");
        make_link("one", "store/link");
        make_link("../../store/link", "a/keys/sandbox");
        path_watch_begin(watch);
        assert_int_equal(path_watch_directory(watch, in_place("a/keys")), 0);
        assert_int_equal(path_watch_file(watch, in_place("a/keys"), "sandbox"), 0);
        path_watch_end(watch, /* trouble= */ false);
        assert_false(noticed());
        write_file("store/two");
        assert_false(noticed());
        write_file("store/one");
        assert_true(noticed());
        move("store/two", "store/one");
        assert_true(noticed());
        move("store/one", "store/link");
        assert_true(noticed());
        again("a/keys"); /* without the file */
        write_file("store/link");
        assert_false(noticed());
}

/* As where a file is mounted over one of the directory. */
static void a_file_by_another_name(void **state)
{
        write_file("a/keys/sandbox");
        assert_int_equal(link(in_place("a/keys/sandbox"), in_place("b/other")), 0);
        again("a/keys");
        write_file("b/other");
        assert_false(noticed());
        path_watch_begin(watch);
        assert_int_equal(path_watch_directory(watch, in_place("a/keys")), 0);
        assert_int_equal(path_watch_file(watch, in_place("a/keys"), "sandbox"), 0);
        path_watch_end(watch, /* trouble= */ false);
        write_file("b/other");
        assert_true(noticed());
        again("a/keys"); /* without the file */
        write_file("b/other");
        assert_false(noticed());
}

static void links_in_a_circle_come_to_an_end(void **state)
{
        make_link("two", "one");
        make_link("one", "two");
        again("one/keys");
        assert_int_equal(unlink(in_place("two")), 0);
        assert_true(noticed());
}

static void watches_are_kept(void **state)
{
        again("a/keys");
        n_watched = 0;
        again("a/keys");
        assert_int_equal(n_watched, 0);
        /* Another directory of that name is another watch. */
        move("a/keys", "a/other");
        move("b/keys", "a/keys");
        assert_true(noticed());
        again("a/keys");
        assert_int_equal(n_watched, 1);
        write_file("a/other/sandbox");
        assert_false(noticed());
        write_file("a/keys/sandbox");
        assert_true(noticed());
        /* And so is one that was made in the place of one that is gone. */
        assert_int_equal(unlink(in_place("a/keys/sandbox")), 0);
        assert_int_equal(rmdir(in_place("a/keys")), 0);
        make("a/keys");
        assert_int_equal(walk_directory("a/keys"), 0);
        assert_true(noticed());
        again("a/keys");
        write_file("a/keys/sandbox");
        assert_true(noticed());
}

static void a_path_that_cannot_be_watched_is_reported(void **state)
{
        failure = -ENOSPC;
        assert_int_equal(walk_directory("a/keys"), -ENOSPC);
        failure = 0;
        again("a/keys");
        write_file("a/keys/sandbox");
        assert_true(noticed());
        char longest[PATH_MAX + 1];
        memset(longest, '/', PATH_MAX);
        longest[PATH_MAX] = '\0';
        assert_int_equal(path_watch_directory(watch, longest), -ENAMETOOLONG);
}

/* Each walk leads elsewhere, and none can be watched as a whole: useless watches go, so that
 * the next one that can be watched is. */
static void trouble_that_lasts_does_not_pile_up(void **state)
{
        char name[32];

        for (int i = 0; i < 1200; i++) {
                (void)snprintf(name, sizeof(name), "a/%d", i);
                make(name);
                path_watch_begin(watch);
                assert_int_equal(path_watch_directory(watch, in_place(name)), 0);
                path_watch_end(watch, /* trouble= */ true); /* of another path */
                assert_int_equal(rmdir(in_place(name)), 0);
                (void)noticed();
        }
        again("a/keys");
        write_file("a/keys/sandbox");
        assert_true(noticed());
}

/* Some links of this kind would take the kernel and us a while. */
static void a_long_way_is_not_walked_to_its_end(void **state)
{
        char target[PATH_MAX] = "";

        for (int i = 0; i < 100; i++) {
                (void)strcat(target, "a/../");
        }
        (void)strcat(target, "a");
        make_link(target, "long");
        assert_int_equal(walk_directory("long/keys"), 0); /* as it has 200 names */
        for (int i = 0; i < 60; i++) {
                (void)strcat(target, "/../a");
        }
        make_link(target, "too-long");
        assert_int_equal(walk_directory("too-long/keys"), -EMLINK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(each_name_of_a_path),
                TEST(neighbours_are_nobody_s_business),
                TEST(a_path_that_is_not_there_yet),
                TEST(a_file_by_its_links),
                TEST(a_file_by_another_name),
                TEST(links_in_a_circle_come_to_an_end),
                TEST(watches_are_kept),
                TEST(a_path_that_cannot_be_watched_is_reported),
                TEST(trouble_that_lasts_does_not_pile_up),
                TEST(a_long_way_is_not_walked_to_its_end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Keys that cannot be watched: that is said once, they are read again every now and then, and watched as
 * soon as they can be. */
#include "daemon/base/journal.h"
#include "daemon/base/timer.h"
#include "daemon/keeper/key_watch.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/vfs.h>

#define DIRECTORY "/usr/lib"

static sd_event *event;
static struct key_watch *watch;
static int failure;          /* of watches, 0: none */
static long file_system;     /* 0: as it is */
static uint64_t waited_usec; /* the latest wish to a timer; it takes no time here */
static const char *directory;
static unsigned n_changed, n_told;
static char told[512];

int __real_sd_event_add_inotify(sd_event *, sd_event_source **, const char *, uint32_t,
                                sd_event_inotify_handler_t, void *);
int __wrap_sd_event_add_inotify(sd_event *, sd_event_source **, const char *, uint32_t,
                                sd_event_inotify_handler_t, void *);
void __real_timer_start_in(sd_event_source *, uint64_t);
void __wrap_timer_start_in(sd_event_source *, uint64_t);
void __wrap_journal_say(const struct journal_record *, const char *, ...) _printf_(2, 3);
int __wrap_statfs(const char *, struct statfs *);
int __wrap_statfs64(const char *, struct statfs *);

int __wrap_sd_event_add_inotify(sd_event *in, sd_event_source **source, const char *path, uint32_t mask,
                                sd_event_inotify_handler_t handler, void *userdata)
{
        return failure < 0 ? failure
                           : __real_sd_event_add_inotify(in, source, path, mask, handler, userdata);
}

void __wrap_timer_start_in(sd_event_source *timer, uint64_t usec)
{
        waited_usec = usec;
        __real_timer_start_in(timer, 0);
}

void __wrap_journal_say(const struct journal_record *record, const char *format, ...)
{
        va_list arguments;

        n_told++;
        va_start(arguments, format);
        (void)vsnprintf(told, sizeof(told), format, arguments);
        va_end(arguments);
}

int __wrap_statfs(const char *path, struct statfs *ret)
{
        *ret = (struct statfs){ .f_type = file_system };
        return 0;
}

int __wrap_statfs64(const char *path, struct statfs *ret)
{
        return __wrap_statfs(path, ret);
}

/* One reading, as key_files does it. */
static void read_keys(void)
{
        key_watch_begin(watch, directory);
        key_watch_end(watch, directory);
}

static void on_changed(void *userdata)
{
        n_changed++;
        read_keys();
}

/* Was it read again after so long? The next time is asked for as well, so there is one turn only. */
static void expect_again(uint64_t usec)
{
        assert_int_equal(waited_usec, usec);
        n_changed = 0;
        assert_true(sd_event_run(event, 10 * USEC_PER_SEC) > 0);
        assert_int_equal(n_changed, 1);
}

static void expect_told(const char *words)
{
        assert_int_equal(n_told, 1);
        if (!strstr(told, words)) {
                fail_msg("expected \"%s\" in \"%s\"", words, told);
        }
        n_told = 0;
}

static int set_up(void **state)
{
        failure = 0;
        file_system = TMPFS_MAGIC;
        directory = DIRECTORY;
        n_changed = n_told = 0;
        waited_usec = 0;
        assert_true(sd_event_new(&event) >= 0);
        assert_int_equal(key_watch_new(&watch, event, on_changed, NULL), 0);
        return 0;
}

static int tear_down(void **state)
{
        watch = key_watch_free(watch);
        event = sd_event_unref(event);
        return 0;
}

static void all_is_watched(void **state)
{
        read_keys();
        read_keys();
        assert_int_equal(waited_usec, 0);
        assert_int_equal(n_told, 0);
}

static void no_watches_left(void **state)
{
        failure = -ENOSPC;
        read_keys();
        expect_told(
                "No space left on device (see the limit fs.inotify.max_user_watches); they are read again "
                "every 30 s");
        expect_again(30 * USEC_PER_SEC);
        expect_again(30 * USEC_PER_SEC);
        assert_int_equal(n_told, 0); /* once is enough */
        failure = 0;
        expect_again(30 * USEC_PER_SEC);
        expect_told("are watched again");
        n_changed = 0;
        assert_int_equal(sd_event_run(event, 0), 0);
        /* The next time is another one. */
        failure = -ENOSPC;
        key_watch_begin(watch, "/usr/bin");
        key_watch_end(watch, "/usr/bin");
        expect_told("cannot watch");
}

static void no_descriptors_left(void **state)
{
        failure = -EMFILE;
        read_keys();
        expect_told("Too many open files; they are read again every 5 s");
        expect_again(5 * USEC_PER_SEC);
}

static void a_file_system_that_tells_nothing(void **state)
{
        static const uint32_t types[] = { NFS_SUPER_MAGIC, FUSE_SUPER_MAGIC, CIFS_SUPER_MAGIC };

        for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
                file_system = (long)types[i];
                read_keys();
                expect_told("does not report changes made elsewhere: they are read again every 30 s");
                expect_again(30 * USEC_PER_SEC);
                file_system = TMPFS_MAGIC;
                expect_again(30 * USEC_PER_SEC);
                expect_told("are watched again");
        }
}

/* It may come back by another host's hand. */
static void a_directory_that_is_away_on_a_silent_file_system(void **state)
{
        file_system = NFS_SUPER_MAGIC;
        read_keys();
        expect_told("does not report changes made elsewhere");
        directory = "/usr/lib/away/for/a/while";
        expect_again(30 * USEC_PER_SEC);
        assert_int_equal(n_told, 0);
        assert_false(key_watch_is_sure(watch));
        directory = DIRECTORY;
        expect_again(30 * USEC_PER_SEC);
        assert_int_equal(n_told, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(all_is_watched),
                TEST(no_watches_left),
                TEST(no_descriptors_left),
                TEST(a_file_system_that_tells_nothing),
                TEST(a_directory_that_is_away_on_a_silent_file_system),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

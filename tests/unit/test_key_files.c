/* Key files while descriptors or memory are short: no key is lost by it. */
#include "daemon/keeper/held_keys.h"
#include "daemon/keeper/key_files.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static bool no_descriptor;
static size_t no_memory_for; /* bytes; 0: there is memory */
static char directory[64];
static sd_event *event;
static struct key_files *files;

DIR *__real_opendir(const char *path);
DIR *__wrap_opendir(const char *path);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

DIR *__wrap_opendir(const char *path)
{
        if (no_descriptor) {
                errno = EMFILE;
                return NULL;
        }
        return __real_opendir(path);
}

void *__wrap_calloc(size_t n, size_t size)
{
        if (no_memory_for > 0 && n * size == no_memory_for) {
                errno = ENOMEM;
                return NULL;
        }
        return __real_calloc(n, size);
}

static bool known(const char *environment, void *userdata)
{
        return streq(environment, "sandbox");
}

static void changed(void *userdata)
{
}

static void write_key(const char *text)
{
        char path[128];
        (void)snprintf(path, sizeof(path), "%s/sandbox.main", directory);
        FILE *file = fopen(path, "w");

        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        assert_int_equal(fclose(file), 0);
        assert_int_equal(chmod(path, 0600), 0);
}

/* The one key that there is; NULL: none. */
static const struct access_key *the_key(void)
{
        struct key_name names[KEYS_PER_ENVIRONMENT_MAX];
        size_t n = key_files_names(files, "sandbox", names);

        assert_true(n <= 1);
        return n == 1 ? key_files_find(files, names[0].serial) : NULL;
}

static int set_up(void **state)
{
        no_descriptor = false;
        no_memory_for = 0;
        (void)snprintf(directory, sizeof(directory), "/tmp/eqp-test-key-files-XXXXXX");
        assert_non_null(mkdtemp(directory));
        assert_int_equal(setenv("CREDENTIALS_DIRECTORY", directory, 1), 0);
        write_key("id:first-secret\n");
        assert_true(sd_event_new(&event) >= 0);
        assert_int_equal(
                key_files_new(&files, event, NULL, "/etc/eqp-broker/keys", false, known, changed, NULL), 0);
        return 0;
}

static int tear_down(void **state)
{
        char path[128];

        files = key_files_free(files);
        sd_event_unref(event);
        (void)snprintf(path, sizeof(path), "%s/sandbox.main", directory);
        (void)unlink(path);
        (void)rmdir(directory);
        return 0;
}

/* Else the default directory would seem to be the one, and there is no key in it. */
static void the_managers_directory_cannot_be_opened(void **state)
{
        key_files_load(files);
        assert_string_equal(the_key()->secret, "first-secret");
        no_descriptor = true;
        key_files_load(files);
        assert_string_equal(key_files_directory(files), directory);
        assert_string_equal(the_key()->secret, "first-secret");
}

static void the_first_time(void **state)
{
        no_descriptor = true;
        key_files_load(files);
        assert_null(the_key());
        assert_non_null(key_files_directory(files));
        no_descriptor = false;
        key_files_load(files);
        assert_string_equal(the_key()->secret, "first-secret");
}

static void no_memory_for_a_changed_key(void **state)
{
        key_files_load(files);
        write_key("id:second-secret\n");
        no_memory_for = sizeof(struct held_key);
        key_files_load(files);
        assert_string_equal(the_key()->secret, "first-secret");
        const struct key_refusals *refusals = key_files_refusals(files);
        assert_int_equal(refusals->n, 1);
        assert_string_equal(refusals->list[0].file, "sandbox.main");
        assert_true(refusals->list[0].passes);
        no_memory_for = 0;
        key_files_load(files);
        assert_string_equal(the_key()->secret, "second-secret");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(the_managers_directory_cannot_be_opened, set_up, tear_down),
                cmocka_unit_test_setup_teardown(the_first_time, set_up, tear_down),
                cmocka_unit_test_setup_teardown(no_memory_for_a_changed_key, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

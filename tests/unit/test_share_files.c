/* The files of [share]: one text each; whatever else they hold, or others may do with them, is refused. */
#include "daemon/keeper/share_files.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[64];

static void write_file(const char *text, size_t length, mode_t mode)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, length), (ssize_t)length);
        assert_int_equal(fchmod(fd, mode), 0);
        assert_int_equal(close(fd), 0);
}

static int read_as(bool secret, bool relaxed, struct share_files *ret, char *message)
{
        const struct share_settings settings = { .password_file = secret ? NULL : path,
                                                 .share_secret_file = secret ? path : NULL };

        return share_files_read(&settings, relaxed, ret, message);
}

static void expect(const char *text, size_t length, const char *password)
{
        _cleanup_(share_files_clear) struct share_files files = { 0 };
        char message[SETTINGS_ERROR_MAX];

        write_file(text, length, 0640);
        assert_int_equal(read_as(/* secret= */ false, /* relaxed= */ false, &files, message), 0);
        assert_string_equal(files.password, password);
        assert_null(files.secret);
}

static void expect_fault(const char *text, size_t length, mode_t mode, bool secret, const char *why)
{
        struct share_files files = { 0 };
        char message[SETTINGS_ERROR_MAX];

        write_file(text, length, mode);
        assert_int_equal(read_as(secret, /* relaxed= */ false, &files, message), -EINVAL);
        assert_non_null(strstr(message, path));
        if (!strstr(message, why)) {
                fail_msg("%s: %s", why, message);
        }
        assert_null(files.password);
        assert_null(files.secret);
}

static void texts(void **state)
{
        char longest[SHARE_FILE_MAX + 3];

        expect("pass word", 9, "pass word");
        expect("password\n", 9, "password");
        expect("password\r\n", 10, "password");
        expect("p\xc3\xa4ss", 5, "p\xc3\xa4ss");
        memset(longest, 'x', sizeof(longest));
        longest[SHARE_FILE_MAX] = '\0';
        expect(longest, SHARE_FILE_MAX, longest);
        longest[SHARE_FILE_MAX] = 'x';
        expect_fault(longest, SHARE_FILE_MAX + 1, 0600, false, "too long: 512 bytes");
        expect_fault(longest, SHARE_FILE_MAX + 3, 0600, false, "too long: 512 bytes");
        expect_fault("", 0, 0600, false, "it is empty");
        expect_fault("\n", 1, 0600, false, "it is empty");
        expect_fault("a\nb\n", 4, 0600, false, "more than one line");
        expect_fault("a\0b", 3, 0600, false, "control character");
}

static void the_secret_of_a_fleet(void **state)
{
        _cleanup_(share_files_clear) struct share_files files = { 0 };
        static const char secret[] = "0123456789abcdef0123456789abcdef";
        char message[SETTINGS_ERROR_MAX];

        write_file(secret, 32, 0600);
        assert_int_equal(read_as(/* secret= */ true, /* relaxed= */ false, &files, message), 0);
        assert_int_equal(files.n_secret, 32);
        assert_string_equal(files.secret, secret);
        expect_fault(secret, 31, 0600, true, "too short: write 32 characters or more");
}

static void permissions(void **state)
{
        struct share_files files = { 0 };
        char message[SETTINGS_ERROR_MAX];

        expect_fault("password", 8, 0644, false, "everybody may read it (mode 0644): chmod 0600");
        expect_fault("password", 8, 0660, false, "others may write to it (mode 0660): chmod 0600");
        write_file("password", 8, 0644);
        assert_int_equal(read_as(/* secret= */ false, /* relaxed= */ true, &files, message), 0);
        share_files_clear(&files);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(read_as(/* secret= */ false, /* relaxed= */ false, &files, message), -ENOENT);
        assert_non_null(strstr(message, "it cannot be opened"));
        assert_int_equal(mkdir(path, 0700), 0);
        assert_int_equal(read_as(/* secret= */ false, /* relaxed= */ false, &files, message), -EINVAL);
        assert_int_equal(rmdir(path), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(texts),
                cmocka_unit_test(the_secret_of_a_fleet),
                cmocka_unit_test(permissions),
        };

        (void)snprintf(path, sizeof(path), "/tmp/eqp-share-file-%d", (int)getpid());
        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Certificate authorities as bytes: those that libcurl would read, and of a size that is bounded. The paths
 * that libcurl was built with, and the other kinds of hosts, are the test's own. */
#include "daemon/keeper/authority_files.h"
#include "lib/message.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define ONE   "-----BEGIN CERTIFICATE-----\nMIIBone=\n-----END CERTIFICATE-----\n"
#define TWO   "-----BEGIN CERTIFICATE-----\nMIIBtwo=\n-----END CERTIFICATE-----\n"
#define THREE "-----BEGIN TRUSTED CERTIFICATE-----\nMIIBthree=\n-----END TRUSTED CERTIFICATE-----\n"

static char folder[64];
static char bundle[96], directory[96];

curl_version_info_data *__wrap_curl_version_info(CURLversion stamp);
curl_version_info_data *__wrap_curl_version_info(CURLversion stamp)
{
        static curl_version_info_data data;

        data = (curl_version_info_data){ .age = CURLVERSION_NOW, .cainfo = bundle, .capath = directory };
        return &data;
}

static const char *of_another_kind; /* the file that a host of another kind has */
int __real_access(const char *path, int mode);
int __wrap_access(const char *path, int mode);
int __wrap_access(const char *path, int mode)
{
        if (strncmp(path, "/etc/", strlen("/etc/")) != 0) {
                return __real_access(path, mode);
        }
        errno = ENOENT;
        return of_another_kind && streq(path, of_another_kind) ? 0 : -1;
}

static const char *path_of(const char *name)
{
        static char path[160];

        (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
        return path;
}

static void put(const char *path, const char *text)
{
        FILE *file = fopen(path, "we");

        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
        (void)snprintf(folder, sizeof(folder), "/tmp/eqp-authorities-XXXXXX");
        assert_non_null(mkdtemp(folder));
        (void)snprintf(bundle, sizeof(bundle), "%s/bundle", folder);
        (void)snprintf(directory, sizeof(directory), "%s/certs", folder);
        assert_int_equal(mkdir(directory, 0700), 0);
        return 0;
}

static int take_away(const char *path, const struct stat *status, int kind, struct FTW *where)
{
        return remove(path);
}

static int tear_down(void **state)
{
        return nftw(folder, take_away, 8, FTW_DEPTH | FTW_PHYS);
}

/* The content of the descriptor, with a NUL behind it. */
static char *read_all(const struct authority_bytes *authorities)
{
        size_t length = authorities->length + authorities->proxy_length;
        char *text = calloc(1, length + 1);

        assert_non_null(text);
        assert_int_equal(lseek(authorities->fd, 0, SEEK_END), (off_t)length);
        assert_int_equal(pread(authorities->fd, text, length, 0), (ssize_t)length);
        return text;
}

static void expect(const char *ca_file, bool with_proxy, const char *text, size_t proxy_length)
{
        struct authority_bytes authorities = { .fd = -1 };
        char why[AUTHORITY_FILES_WHY_MAX] = "";

        assert_int_equal(authority_files_read(ca_file, with_proxy, &authorities, why), 0);
        assert_string_equal(why, "");
        _cleanup_free_ char *found = read_all(&authorities);
        assert_string_equal(found, text);
        assert_int_equal(authorities.proxy_length, proxy_length);
        (void)close(authorities.fd);
}

static void expect_fault(const char *ca_file, int error, const char *words)
{
        struct authority_bytes authorities = { .fd = -1 };
        char why[AUTHORITY_FILES_WHY_MAX] = "";

        assert_int_equal(authority_files_read(ca_file, false, &authorities, why), error);
        assert_int_equal(authorities.fd, -1);
        assert_non_null(strstr(why, words));
}

static void test_a_file_stands_for_itself(void **state)
{
        put(bundle, ONE);
        put(path_of("ca"), TWO);
        expect(path_of("ca"), false, TWO "\n", 0);
        put(path_of("ca"), "a comment\n" THREE);
        expect(path_of("ca"), false, "a comment\n" THREE "\n", 0);
}

static void test_the_systems_file_and_directory(void **state)
{
        put(bundle, ONE TWO);
        expect(NULL, false, ONE TWO "\n", 0);
        put(path_of("certs/0123abcd.0"), TWO); /* is there already */
        put(path_of("certs/0123abcd.1"), "no certificate");
        put(path_of("certs/readme.pem"), THREE); /* under no hash: libraries do not find it */
        put(path_of("certs/0123ABCD.0"), THREE);
        put(path_of("certs/0123abcd.r0"), THREE);
        assert_int_equal(mkdir(path_of("certs/89abcdef.0"), 0700), 0);
        expect(NULL, false, ONE TWO "\n", 0);
        put(path_of("certs/fedcba98.0"), THREE);
        expect(NULL, false, ONE TWO "\n" THREE "\n", 0);
        assert_int_equal(unlink(bundle), 0);
        assert_int_equal(unlink(path_of("certs/0123abcd.0")), 0);
        expect(NULL, false, THREE "\n", 0);
}

static void test_those_of_a_proxy_follow(void **state)
{
        put(bundle, ONE);
        put(path_of("ca"), TWO);
        expect(path_of("ca"), true, TWO "\n" ONE "\n", strlen(ONE "\n"));
        expect(NULL, true, ONE "\n" ONE "\n", strlen(ONE "\n"));
}

static void test_faults_are_reported(void **state)
{
        expect_fault(NULL, -ENOENT, "install ca-certificates");
        put(bundle, "");
        expect_fault(NULL, -ENODATA, "no certificate in it (install ca-certificates)");
        expect_fault(path_of("ca"), -ENOENT, "No such file or directory (check ca_file)");
        put(path_of("ca"), "-----BEGIN PRIVATE KEY-----\n");
        expect_fault(path_of("ca"), -ENODATA, "no certificate in it (check ca_file)");
        expect_fault(directory, -EISDIR, "(check ca_file)");
        assert_int_equal(mkfifo(path_of("fifo"), 0600), 0);
        expect_fault(path_of("fifo"), -EINVAL, "(check ca_file)"); /* and nobody waits for it */
}

static void test_a_host_of_another_kind_has_them_elsewhere(void **state)
{
        assert_null(authority_files_elsewhere());
        of_another_kind = "/etc/pki/tls/certs/ca-bundle.crt";
        assert_string_equal(authority_files_elsewhere(), of_another_kind);
        if (__real_access(of_another_kind, F_OK) < 0) {
                expect_fault(NULL, -ENOENT, of_another_kind); /* that is the one that is read */
        }
        put(bundle, ONE);
        assert_null(authority_files_elsewhere());
        expect(NULL, false, ONE "\n", 0);
        of_another_kind = NULL;
}

static void test_no_more_than_there_may_be(void **state)
{
        put(path_of("ca"), ONE);
        assert_int_equal(truncate(path_of("ca"), MESSAGE_AUTHORITIES_MAX), 0);
        expect_fault(path_of("ca"), -EFBIG, "more than 4 MiB");
        put(bundle, ONE);
        assert_int_equal(truncate(bundle, MESSAGE_AUTHORITIES_MAX - 40), 0);
        put(path_of("certs/0123abcd.0"), TWO);
        expect_fault(NULL, -EFBIG, "more than 4 MiB");
}

static void test_nothing_changes_it(void **state)
{
        struct authority_bytes authorities = { .fd = -1 };
        char why[AUTHORITY_FILES_WHY_MAX];

        put(path_of("ca"), ONE);
        assert_int_equal(authority_files_read(path_of("ca"), false, &authorities, why), 0);
        assert_int_equal(fcntl(authorities.fd, F_GET_SEALS) &
                                 (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL),
                         F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
        assert_int_equal(pwrite(authorities.fd, "x", 1, 0), -1);
        assert_int_equal(ftruncate(authorities.fd, 0), -1);
        (void)close(authorities.fd);
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                WITH(test_a_file_stands_for_itself),
                WITH(test_the_systems_file_and_directory),
                WITH(test_those_of_a_proxy_follow),
                WITH(test_faults_are_reported),
                WITH(test_no_more_than_there_may_be),
                WITH(test_nothing_changes_it),
                WITH(test_a_host_of_another_kind_has_them_elsewhere),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Secret memory: its pages in the kernel's words, the view of a forked child, and that nothing is left in
 * them when they are given back. Linked with --wrap=munmap, so that the pages can be read just before they
 * go. */
#include "lib/secret.h"
#include "lib/session.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define MARK "a text that must not outlive its block"

/* Address sanitizers replace mlock() by nothing. */
#ifdef __has_feature
#define SANITIZED __has_feature(address_sanitizer)
#elif defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

int __real_munmap(void *address, size_t length);
int __wrap_munmap(void *address, size_t length);

static struct {
        bool watching;
        unsigned calls;
        size_t length;
        size_t n_nonzero; /* bytes that were not wiped */
} seen;

int __wrap_munmap(void *address, size_t length)
{
        if (seen.watching) {
                const unsigned char *bytes = address;
                seen.calls++;
                seen.length = length;
                for (size_t i = 0; i < length; i++) {
                        seen.n_nonzero += bytes[i] != 0;
                }
        }
        return __real_munmap(address, length);
}

static void watch(bool on)
{
        if (on) {
                memset(&seen, 0, sizeof(seen));
        }
        seen.watching = on;
}

/* The VmFlags line of the mapping that holds this address. */
static void vm_flags_of(const void *address, char ret[static 512])
{
        FILE *smaps = fopen("/proc/self/smaps", "re");
        char line[512];
        bool inside = false;

        assert_non_null(smaps);
        ret[0] = '\0';
        while (fgets(line, sizeof(line), smaps)) {
                uintptr_t from, to;
                if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &from, &to) == 2) {
                        inside = from <= (uintptr_t)address && (uintptr_t)address < to;
                } else if (inside && strncmp(line, "VmFlags:", 8) == 0) {
                        line[strcspn(line, "\n")] = ' '; /* a space on either side of each flag */
                        memcpy(ret, line, sizeof(line));
                        break;
                }
        }
        (void)fclose(smaps);
}

static void test_zeroed_aligned_and_writable(void **state)
{
        static const size_t sizes[] = { 0, 1, 64, 4032, 4033, 4096, 100000 };
        for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
                unsigned char *block = secret_alloc(sizes[i]);
                assert_non_null(block);
                assert_int_equal((uintptr_t)block % 64, 0);
                for (size_t k = 0; k < sizes[i]; k++) {
                        assert_int_equal(block[k], 0);
                }
                memset(block, 0xff, sizes[i]);
                assert_null(secret_free(block));
        }
        assert_null(secret_free(NULL));
}

static void test_impossible_size(void **state)
{
        assert_null(secret_alloc(SIZE_MAX));
        assert_null(secret_alloc(SIZE_MAX - 4096));
        assert_null(secret_alloc(SIZE_MAX / 4 * 3));
}

static void test_wiped_before_given_back(void **state)
{
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        char *block = secret_alloc(3 * page);
        assert_non_null(block);
        for (size_t i = 0; i + sizeof(MARK) < 3 * page; i += sizeof(MARK)) {
                memcpy(block + i, MARK, sizeof(MARK));
        }
        block[3 * page - 1] = 'x'; /* the very last byte too */
        watch(true);
        assert_null(secret_free(block));
        watch(false);
        assert_int_equal(seen.calls, 1);
        assert_true(seen.length >= 3 * page);
        assert_int_equal(seen.n_nonzero, 0);
}

static void test_session_is_wiped_by_its_last_holder(void **state)
{
        struct grant grant = { .lifetime_sec = 60, .mage_id = "M", .ust = MARK };
        struct session *session = NULL;

        for (size_t i = 0; i < sizeof(MARK) - 1; i++) {
                grant.ust[i] = MARK[i] == ' ' ? '-' : MARK[i];
        }
        assert_int_equal(session_new(&session, &grant, 1, 0, "1-main"), 0);
        (void)session_ref(session);
        watch(true);
        (void)session_unref(session);
        assert_int_equal(seen.calls, 0);
        (void)session_unref(session);
        watch(false);
        assert_int_equal(seen.calls, 1);
        assert_int_equal(seen.n_nonzero, 0);
}

static void test_kernel_flags(void **state)
{
        char flags[512];
        void *block = secret_alloc(100);
        assert_non_null(block);
        vm_flags_of(block, flags);
        assert_non_null(strstr(flags, " dd ")); /* not in core dumps */
        assert_non_null(strstr(flags, " wf ")); /* empty after fork */
        if (!SANITIZED) {
                struct rlimit limit;
                assert_int_equal(secret_locked(block), strstr(flags, " lo ") != NULL);
                assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &limit), 0);
                assert_true(secret_locked(block) || limit.rlim_cur < 65536);
        }
        assert_null(secret_free(block));
}

/* Runs f in a child; the child's exit code. Only plain code and _exit there. */
static int in_child(int (*f)(const void *), const void *argument)
{
        int status;
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                _exit(f(argument));
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static int count_nonzero(const void *block)
{
        const unsigned char *bytes = block;
        int n = 0;
        for (size_t i = 0; i < sizeof(MARK); i++) {
                n += bytes[i] != 0;
        }
        return n;
}

static void test_child_sees_nothing(void **state)
{
        char *block = secret_alloc(sizeof(MARK));
        assert_non_null(block);
        memcpy(block, MARK, sizeof(MARK));
        assert_int_equal(in_child(count_nonzero, block), 0);
        assert_string_equal(block, MARK); /* and the parent still has it */
        assert_null(secret_free(block));
}

static int alloc_without_lock(const void *unused)
{
        /* Root may lock whatever the limit says; then only an ordinary user can be tried. */
        if (setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){ 0, 0 }) < 0 ||
            (getuid() == 0 && setuid(65534) < 0)) {
                return 77;
        }
        char *block = secret_alloc(sizeof(MARK));
        if (!block) {
                return 1;
        }
        if (secret_locked(block)) {
                return 2;
        }
        memcpy(block, MARK, sizeof(MARK));
        (void)secret_free(block);
        return 0;
}

static void test_no_lock_is_told_and_survived(void **state)
{
        int code = SANITIZED ? 77 : in_child(alloc_without_lock, NULL);
        if (code == 77) {
                skip();
        }
        assert_int_equal(code, 0);
}

static void test_equal(void **state)
{
        assert_true(secret_equal("abc", "abc", 3));
        assert_true(secret_equal("abc", "abd", 2));
        assert_true(secret_equal("x", "y", 0));
        for (size_t i = 0; i < sizeof(MARK); i++) {
                char other[] = MARK;
                other[i] ^= 0x40;
                assert_false(secret_equal(MARK, other, sizeof(MARK)));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_zeroed_aligned_and_writable),
                cmocka_unit_test(test_impossible_size),
                cmocka_unit_test(test_wiped_before_given_back),
                cmocka_unit_test(test_session_is_wiped_by_its_last_holder),
                cmocka_unit_test(test_kernel_flags),
                cmocka_unit_test(test_child_sees_nothing),
                cmocka_unit_test(test_no_lock_is_told_and_survived),
                cmocka_unit_test(test_equal),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}

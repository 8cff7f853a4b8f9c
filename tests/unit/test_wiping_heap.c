/* Freed memory holds nothing of what it held. The blocks are looked at after they were freed, which only a
 * test of the heap itself may do: their addresses go through an integer, so that no compiler draws
 * conclusions. */
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>

/* The content of a freed block of glibc: two links at its beginning, up to 32 bytes for large ones. */
#define HEAP_OWN_BYTES 32

static unsigned char *volatile kept;

static bool holds(size_t from, size_t size, unsigned char byte)
{
        for (size_t i = from; i < size; i++) {
                if (((volatile unsigned char *)kept)[i] == byte) {
                        return true;
                }
        }
        return false;
}

static void test_free_wipes(void **state)
{
        static const size_t sizes[] = { 40, 100, 1000, 1024, 1032, 8192, 60000 };
        for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
                /* The one behind keeps the block from being given back to the kernel. */
                unsigned char *block = malloc(sizes[i]);
                void *volatile behind = malloc(64);
                assert_true(block && behind);
                memset(block, 0xa5, sizes[i]);
                kept = block;
                assert_true(holds(0, sizes[i], 0xa5)); /* the test can fail */
                free(block);
                assert_false(holds(HEAP_OWN_BYTES, sizes[i], 0xa5));
                free(behind);
        }
}

static void test_realloc_wipes_what_it_leaves(void **state)
{
        unsigned char *block = malloc(1000);
        void *volatile behind = malloc(64); /* so that it must move */
        assert_true(block && behind);
        memset(block, 0xa5, 1000);
        kept = block;
        unsigned char *larger = realloc(block, 20000);
        assert_non_null(larger);
        for (size_t i = 0; i < 1000; i++) {
                assert_int_equal(larger[i], 0xa5);
        }
        assert_ptr_not_equal(larger, kept);
        assert_false(holds(HEAP_OWN_BYTES, 1000, 0xa5));

        kept = larger;
        memset(larger, 0xa5, 20000);
        unsigned char *smaller = realloc(larger, 100);
        assert_non_null(smaller);
        assert_int_equal(smaller[99], 0xa5);
        assert_false(holds(104 + HEAP_OWN_BYTES, 20000, 0xa5));
        free(smaller);
        free(behind);
}

static void test_the_edges(void **state)
{
        free(NULL);
        void *volatile block = realloc(NULL, 10);
        assert_non_null(block);
        void *volatile same = block;
        errno = 0;
        volatile size_t size = SIZE_MAX - 4096; /* on 32 bits PTRDIFF_MAX can be had */
        void *volatile impossible = realloc(block, size);
        assert_null(impossible); /* and the block is still ours */
        assert_int_equal(errno, ENOMEM);
        free(same);
}

int main(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
        (void)puts("skipped: AddressSanitizer brings a heap of its own");
        return 77; /* meson takes it for skipped */
#endif
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_free_wipes),
                                            cmocka_unit_test(test_realloc_wipes_what_it_leaves),
                                            cmocka_unit_test(test_the_edges) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}

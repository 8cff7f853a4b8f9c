/* Memory for secrets.
 *
 * Every block has pages of its own, so that locking, dump exclusion and wiping never concern a neighbour. A
 * broker holds a few dozen secrets at the most: a page each is cheap. A small header in front of the block
 * remembers how much was mapped. */
#include "lib/secret.h"

#include "lib/util.h"

#include <stdalign.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define STACK_WIPED 8192 /* bytes */

struct secret_header {
        alignas(64) size_t mapped;
        bool locked;
};

static struct secret_header *header_of(const void *block)
{
        return (struct secret_header *)((uintptr_t)block - sizeof(struct secret_header));
}

void *secret_alloc(size_t size)
{
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        size_t mapped;
        if (__builtin_add_overflow(size, sizeof(struct secret_header) + page - 1, &mapped)) {
                return NULL;
        }
        mapped -= mapped % page;

        void *pages = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (pages == MAP_FAILED) {
                return NULL;
        }
        /* Neither can fail on anonymous pages of a kernel that we run on (Linux ≥ 4.14); were one refused,
         * the block would be less protected than promised: then rather none. */
        if (madvise(pages, mapped, MADV_DONTDUMP) < 0 || madvise(pages, mapped, MADV_WIPEONFORK) < 0) {
                (void)munmap(pages, mapped);
                return NULL;
        }

        struct secret_header *header = pages;
        header->mapped = mapped;
        header->locked = mlock(pages, mapped) == 0;
        return header + 1;
}

void *secret_free(void *block)
{
        if (block) {
                struct secret_header *header = header_of(block);
                size_t mapped = header->mapped;
                explicit_bzero(header, mapped);
                (void)munmap(header, mapped);
        }
        return NULL;
}

bool secret_locked(const void *block)
{
        return header_of(block)->locked;
}

__attribute__((noinline)) void secret_wipe_stack(void)
{
        unsigned char used[STACK_WIPED];

        explicit_bzero(used, sizeof(used));
}

bool secret_equal(const void *a, const void *b, size_t length)
{
        const volatile unsigned char *x = a, *y = b;
        unsigned char difference = 0;
        for (size_t i = 0; i < length; i++) {
                difference |= (unsigned char)(x[i] ^ y[i]);
        }
        return difference == 0;
}

/* Every block that is given back to the heap is wiped first.
 *
 * Our own secrets live in lib/secret. But a key also passes through libcurl's and the TLS library's buffers,
 * and a token through json-c's and libmicrohttpd's, which are plain heap and are freed with their content.
 * glibc lets a program bring its own free() and realloc() ("Replacing malloc" in its manual); these two
 * wipe, and leave the rest to glibc. Freeing is rare here (the token path does none), so it costs nothing
 * that can be measured.
 *
 * Road not taken: mallopt(M_PERTURB) fills freed memory too, but not the small blocks of the per-thread
 * cache. */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HEAP_IS_TAKEN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HEAP_IS_TAKEN 1 /* by the sanitizer, which has a heap of its own */
#endif

#ifndef HEAP_IS_TAKEN

extern void __libc_free(void *block);
extern void *__libc_realloc(void *block, size_t size);

void free(void *block)
{
        if (block) {
                explicit_bzero(block, malloc_usable_size(block));
                __libc_free(block);
        }
}

void *realloc(void *block, size_t size)
{
        if (!block) {
                return malloc(size);
        }
        size_t old_size = malloc_usable_size(block);
        if (size <= old_size) {
                /* It shrinks where it is; the rest goes back to the heap. */
                explicit_bzero((char *)block + size, old_size - size);
                return __libc_realloc(block, size);
        }
        /* glibc would free the old block itself, unwiped. */
        void *larger = malloc(size);
        if (larger) {
                memcpy(larger, block, old_size);
                free(block);
        }
        return larger;
}

#endif

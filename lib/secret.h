/* Memory for secrets: pages of their own, kept out of swap and core dumps, empty in a forked child, wiped
 * when they are given back. */
#pragma once

#include "lib/util.h"

#include <stdbool.h>
#include <stddef.h>

/* At least size bytes, zeroed. NULL: no memory. If the kernel refuses to lock the pages (RLIMIT_MEMLOCK),
 * the block is handed out all the same: a broker that swaps is better than none. See secret_locked(). */
void *secret_alloc(size_t size);

/* Wipes the whole block and gives it back. NULL is fine. Returns NULL. */
void *secret_free(void *block);

static inline void secret_freep(void *pointer_to_block)
{
        (void)secret_free(*(void **)pointer_to_block);
}

#define _cleanup_secret_ _cleanup_(secret_freep)

/* Is this block kept out of swap? */
bool secret_locked(const void *block);

/* Wipes what functions that have returned left on the stack, some pages deep: libraries that hash a secret
 * keep a block of it there. */
void secret_wipe_stack(void);

/* Compares in a time that depends on the length only. */
bool secret_equal(const void *a, const void *b, size_t length);

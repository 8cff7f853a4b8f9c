/* An environment's memory when it begins anew: after a restart of the program, or after it was removed
 * and added again. Its keys are recognised by digests of their contents, whatever their files are called. */
#pragma once

#include "daemon/keeper/environment_object.h"
#include "lib/saved_knowledge.h"

struct environment_memory {
        struct refresh_past past;
        struct session *session; /* NULL: none; no reference of its own. The next two belong to it */
        struct refresh_token token;
        uint8_t session_key_digest[KEYED_DIGEST_SIZE];
        char account[MAGE_ID_MAX + 1]; /* "": not known */
        struct known_key keys[KNOWN_KEYS_MAX];
        size_t n_keys;
};

/* Takes a memory up: right after environment_new() and environment_configure(), and before
 * environment_keys_changed(). The session gets one more reference, the memory stays the caller's. Tells
 * nobody. */
void environment_restore(struct environment *environment, const struct environment_memory *memory);

/* The memory of this moment; the session stays the environment's. */
void environment_remember(const struct environment *environment, struct environment_memory *ret);

/* Key files were read: tells what is remembered of these keys (names[].known), and forgets what waited for
 * keys, once there are any. */
void environment_memory_tell(struct environment *environment, struct key_name *names, size_t n);

/* The digest that is remembered of a key in hand; false: it is not held, or the library refuses. */
bool environment_key_digest(const struct environment *environment, uint64_t key_serial,
                            uint8_t ret[static KEYED_DIGEST_SIZE]);

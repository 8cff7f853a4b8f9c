/* Keys in hand: a list in the order in which they were put in. */
#pragma once

#include "lib/access_key.h"
#include "lib/names.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct held_key {
        struct held_key *next; // held_keys::first
        uint64_t serial;
        char environment[ENVIRONMENT_NAME_MAX + 1];
        char label[KEY_LABEL_MAX + 1];
        struct access_key *key;
        struct timespec changed; /* of the file, to notice that it was written again */
        ino_t inode;
        bool rewritten;
};

struct held_keys {
        struct held_key *first;
};

void held_keys_append(struct held_keys *keys, struct held_key *held);

/* Moves all of `from` to the end. */
void held_keys_move(struct held_keys *keys, struct held_keys *from);

/* Takes a key of this environment and label out: the one that is equal, or with equal_to NULL any. NULL:
 * there is none. */
struct held_key *held_keys_take(struct held_keys *keys, const char *environment, const char *label,
                                const struct access_key *equal_to);

/* NULL: there is none of this serial. */
const struct held_key *held_keys_find(const struct held_keys *keys, uint64_t serial);

/* The keys of an environment, in their order; returns how many. */
size_t held_keys_of(const struct held_keys *keys, const char *environment,
                    const struct access_key *ret[static KEYS_PER_ENVIRONMENT_MAX]);

/* Lets go all keys of this environment but those with one of these serials. */
void held_keys_retain(struct held_keys *keys, const char *environment, const uint64_t *serials, size_t n);

/* Wipes and frees all. */
void held_keys_clear(struct held_keys *keys);

/* Wipes and frees one; NULL is fine. Returns NULL. */
struct held_key *held_key_free(struct held_key *held);

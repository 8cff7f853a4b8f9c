/* A local key: an application ID and a secret that only this broker knows, and what they open. */
#pragma once

#include "lib/access_rule.h"
#include "lib/gateway_rule.h"
#include "lib/names.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOCAL_KEY_ID_MAX    64
#define LOCAL_KEY_HASH_SIZE 32 /* SHA-256 */
#define LOCAL_KEY_PLACE_MAX GATEWAY_PLACE_MAX

struct local_key {
        char name[LOCAL_KEY_NAME_MAX + 1]; /* of [local NAME] */
        char environment[ENVIRONMENT_NAME_MAX + 1];
        char id[LOCAL_KEY_ID_MAX + 1];            /* no other key has it */
        bool has_secret;                          /* false: it is not read to its end yet */
        uint8_t secret_hash[LOCAL_KEY_HASH_SIZE]; /* SHA-256 of the secret's characters */
        bool has_old; /* a rotation runs: the secret from before is good as well */
        uint8_t old_secret_hash[LOCAL_KEY_HASH_SIZE];
        int64_t old_until_sec;       /* from this moment of the wall clock on it is not */
        struct access_rules callers; /* its callers; n == 0: anybody */
        struct gateway_rules rules;  /* allows only, of anybody */
        int64_t expires_sec;         /* the moment of the wall clock from which it is no good; 0: never */
        bool real;                   /* token = real: it gives out the real token */
        char place[LOCAL_KEY_PLACE_MAX + 1]; /* "FILE:LINE" of its section */
};

/* 1 to 64 of A-Z a-z 0-9 . _ -, the first one a letter or digit. */
bool local_key_id_valid(const char *id, size_t length);

/* Frees what it holds, and leaves it empty; of keys in an array. */
void local_key_clear(struct local_key *key);

/* A copy with lists of its own. -ENOMEM, then *ret is untouched. */
int local_key_copy(struct local_key *ret, const struct local_key *from);

/* Reads or writes a hash as its 64 hexadecimal digits. -EINVAL. */
int local_key_hash_parse(const char *text, uint8_t ret[static LOCAL_KEY_HASH_SIZE]);
void local_key_hash_format(const uint8_t hash[static LOCAL_KEY_HASH_SIZE],
                           char ret[static 2 * LOCAL_KEY_HASH_SIZE + 1]);

/* The secret of opaque tokens, as a text that is to survive a restart. Secret. */
#pragma once

#include "lib/saved_sessions.h"

#define SAVED_OPAQUE_KEY_SIZE 32  /* MESSAGE_OPAQUE_KEY_SIZE */
#define SAVED_OPAQUE_KEY_MAX  256 /* bytes of text */

struct saved_opaque_key {
        uint64_t number; /* 1 and up; the highest is the newest */
        char boot_id[SAVED_BOOT_ID_LENGTH + 1];
        uint8_t key[SAVED_OPAQUE_KEY_SIZE];
};

/* Writes one line into a block that is the caller's for secret_free(). -ENOMEM. */
int saved_opaque_key_format(const struct saved_opaque_key *saved, char **ret, size_t *ret_length);

/* Reads what saved_opaque_key_format() writes, byte by byte, into a block that is the caller's for
 * secret_free(). -EBADMSG: *reterr_why says in what way, a static text. -ENOMEM. */
int saved_opaque_key_parse(const char *text, size_t length, struct saved_opaque_key **ret,
                           const char **reterr_why);

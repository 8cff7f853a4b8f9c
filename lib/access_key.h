/* An API access key: application ID and application secret, in secret memory from the first byte to the
 * last. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define APPLICATION_ID_MAX     256
#define APPLICATION_SECRET_MAX 1024
/* The most that a key file may hold: both parts, the colon, CR LF. */
#define ACCESS_KEY_TEXT_MAX (APPLICATION_ID_MAX + 1 + APPLICATION_SECRET_MAX + 2)

/* One block of secret memory; `secret` follows `id` in it. */
struct access_key {
        const char *id;
        const char *secret;
};

/* Reads "ID:SECRET" with at most one line end behind it. The first colon divides, as in RFC 7617. Both parts
 * are 1 or more visible ASCII characters (no space), with no quotes around them. -EINVAL: *reterr_why is set
 * to a static text that tells what is wrong and never quotes the file ("it has no colon: write
 * APPLICATION_ID:APPLICATION_SECRET"). -ENOMEM. */
int access_key_parse(const char *text, size_t length, struct access_key **ret, const char **reterr_why);

/* Another block with the same key, the caller's; NULL: no memory. */
struct access_key *access_key_copy(const struct access_key *key);

/* The key as it is sent (RFC 7617): base64 of ID:SECRET. Secret memory, the caller's; NULL: there is none.
 */
char *access_key_basic(const struct access_key *key);

/* Same ID and same secret; in time that does not depend on where they differ. */
bool access_key_equal(const struct access_key *a, const struct access_key *b);

/* Wipes and frees; NULL is fine. Returns NULL. */
struct access_key *access_key_free(struct access_key *key);
void access_key_freep(struct access_key **key);

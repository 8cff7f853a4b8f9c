/* The names and values under which an access key's session is shared through a store that nobody has to
 * trust. Both come from the application secret: only a program that holds the key can find, read or write
 * them. Anything else that a store gives back is a miss. */
#pragma once

#include "lib/access_key.h"
#include "lib/share_seal.h" /* SHARE_SALT_SIZE, SHARE_VALUE_MAX */
#include "lib/token_exchange.h"
#include "lib/util.h"

#include <stddef.h>
#include <stdint.h>

#define SHARE_NAME_MAX         42 /* "eqp1:{", 32 digits, "}", ":l" and the NUL */
#define SHARE_SECRET_MIN       32 /* characters of an application secret; a store that leaks lets others guess */
#define SHARE_FLEET_SECRET_MAX 1024 /* bytes */
/* The latest time that a value may tell, by the wall clock: the end of the year 9999. */
#define SHARE_TIME_MAX_USEC (UINT64_C(253402300799) * USEC_PER_SEC)

/* Names and derived keys of one access key at one base URL; in secret memory. */
struct share_form;

/* Derives them. `base_url` is as base_url.h writes it. `fleet_secret`: bytes that all hosts have besides the
 * key, 1 to SHARE_FLEET_SECRET_MAX of them; NULL: there are none. -EOPNOTSUPP: the application secret has
 * less than SHARE_SECRET_MIN characters. -EINVAL: a fleet secret of another size. -ENOMEM. -EIO: GnuTLS
 * refuses. */
int share_form_new(struct share_form **ret, const struct access_key *key, const char *base_url,
                   const void *fleet_secret, size_t n_fleet_secret);

/* Wipes and frees; NULL is fine. Returns NULL. */
struct share_form *share_form_free(struct share_form *form);
void share_form_freep(struct share_form **form);

/* The name of the session, "eqp1:{32 hexadecimal digits}", and that of the lease, the same with ":l" behind
 * it. The braces keep both in one slot of a Cluster. They last as long as the form. */
const char *share_form_session_name(const struct share_form *form);
const char *share_form_lease_name(const struct share_form *form);

/* A session as it is shared. Holds a secret: keep it in secret memory, or wipe it. */
struct shared_session {
        uint64_t issued_wall_usec; /* wall clock when it was asked for; its life counts from here */
        uint32_t lifetime_sec;     /* as granted */
        char mage_id[MAGE_ID_MAX + 1];
        char ust[SESSION_TOKEN_MAX + 1];
};

/* Seals it; the value is public afterwards. `salt` is random and never used twice. -EINVAL: it is no whole
 * session (see share_form_open()). -ENOMEM, -EIO as above. */
int share_form_seal(const struct share_form *form, const struct shared_session *session,
                    const uint8_t salt[static SHARE_SALT_SIZE], uint8_t ret[static SHARE_VALUE_MAX],
                    size_t *ret_size);

/* Opens a value; *ret is filled at 0 only. -ENOENT: it cannot be opened, or is no whole session inside: a
 * miss. Whole means: `ust` and `mage_id` are as strictly plain as those of a grant, the lifetime is 1 s to
 * LIFETIME_MAX_SEC, the time of issue at most SHARE_TIME_MAX_USEC, and the bytes are those that
 * share_form_seal() would have written. How old it is has not been looked at. -ENOMEM. */
int share_form_open(const struct share_form *form, const void *value, size_t size,
                    struct shared_session *ret);

/* Instead of a lease: nobody is to exchange this key before then. */
struct shared_cool_down {
        uint64_t until_wall_usec; /* wall clock */
};

/* The same for a cool-down, which stands under the lease's name. Neither kind of value passes for the other.
 */
int share_form_seal_cool_down(const struct share_form *form, const struct shared_cool_down *cool_down,
                              const uint8_t salt[static SHARE_SALT_SIZE],
                              uint8_t ret[static SHARE_VALUE_MAX], size_t *ret_size);
int share_form_open_cool_down(const struct share_form *form, const void *value, size_t size,
                              struct shared_cool_down *ret);

/* Basic authentication, as far as we need it: which ID does the client give, and which hash has its
 * secret? */
#pragma once

#include <stdint.h>

#define BASIC_AUTH_HASH_SIZE 32 /* SHA-256 */

/* The user-id of an Authorization header's value (NULL for none), the caller's to free, and the hash of the
 * password. The scheme may be in any case (RFC 9110, section 11.1). -EINVAL: that is no Basic
 * authentication; -ENOMEM; -EIO: the library refuses. */
int basic_auth_read(const char *authorization, char **ret_id, uint8_t ret_hash[static BASIC_AUTH_HASH_SIZE]);

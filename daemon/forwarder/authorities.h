/* Certificate authorities, read once for all connections that are to trust them. */
#pragma once

#include "daemon/base/ring.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

struct authorities;

/* Those in `known` if they are of the same bytes, else new ones, which are in it as long as they are used.
 * pem: certificates, as a file has them; other text is passed over. Given back by
 * authorities_unref(). -EINVAL: there is none among it. -ENOTSUP: libcurl's TLS library is another one than
 * ours. -ENOMEM. */
int authorities_get(struct authorities **ret, struct ring *known, const void *pem, size_t length);

/* No transfer may be started any more that was told of it. NULL is fine; returns NULL. */
struct authorities *authorities_unref(struct authorities *authorities);

/* The transfer trusts these, and no other. They must outlive it. False: no memory. */
bool authorities_set_up(const struct authorities *authorities, CURL *easy);

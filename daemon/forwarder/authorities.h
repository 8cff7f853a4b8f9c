/* Certificate authorities, read once for all connections that are to trust them. */
#pragma once

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

struct authorities;

/* pem: certificates, in the order in which a file has them; what is none of them is passed over. -EINVAL:
 * there is none among it. -ENOTSUP: libcurl's TLS library is another one than ours. -ENOMEM. */
int authorities_new(struct authorities **ret, const void *pem, size_t length);

/* No connection may be made any more that was told of it. NULL is fine; returns NULL. */
struct authorities *authorities_free(struct authorities *authorities);

/* The transfer trusts these, and no other. They must outlive it. False: no memory. */
bool authorities_set_up(const struct authorities *authorities, CURL *easy);

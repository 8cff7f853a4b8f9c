/* certificate: a certificate and its private key, both as PEM text in memory. ECDSA on P-256, made with
 * GnuTLS. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* How many host names a certificate may carry besides the fixed ones. */
#define SERVER_NAMES_MAX 16

struct certificate {
        char *pem;
        char *key_pem;
};

/* Makes an authority that signs itself, with a name of its own. Returns 0, -ENOMEM or -EIO. */
int certificate_new_authority(struct certificate **ret);

/* Makes a server's certificate for the DNS names, signed by the authority; with `loopback` also for the
 * addresses 127.0.0.1 and ::1. Returns 0, -ENOMEM, -EIO, or -EBADMSG when the authority cannot be read. */
int certificate_new_server(struct certificate **ret, const struct certificate *authority,
                           const char *const *names, size_t n_names, bool loopback);

/* Whether the server's certificate fits its own key and comes from the authority, is valid now and a day
 * from now, and covers the names and the loopback addresses. Anything unreadable does not. */
bool certificate_is_usable(const struct certificate *server, const struct certificate *authority,
                           const char *const *names, size_t n_names);

struct certificate *certificate_free(struct certificate *certificate);
void certificate_freep(struct certificate **certificate);

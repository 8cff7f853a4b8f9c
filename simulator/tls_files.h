/* tls_files: the directory with the authority's and the server's certificate, and a wrong certificate in
 * memory. */
#pragma once

#include "simulator/certificate.h"

#include <stddef.h>

struct tls_files;

/* Reads ca.pem, ca-key.pem, server.pem and server-key.pem from the directory (which is made if need be) and
 * makes those that are missing or no longer usable for "localhost" and the names. Without a directory a
 * temporary one is made, which goes away with the object. Returns 0 or a negative errno; *reterr_path, which
 * the caller frees, then names the file. */
int tls_files_new(struct tls_files **ret, const char *directory, const char *const *names, size_t n_names,
                  char **reterr_path);
struct tls_files *tls_files_free(struct tls_files *files);
void tls_files_freep(struct tls_files **files);

/* The absolute path of ca.pem. */
const char *tls_files_ca_file(const struct tls_files *files);

/* The server's certificate that clients should trust. */
const struct certificate *tls_files_server(const struct tls_files *files);

/* One from another authority, for another host name. */
const struct certificate *tls_files_wrong(const struct tls_files *files);

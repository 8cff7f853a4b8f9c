/* The certificate authorities that vouch for an upstream, as bytes: for a process that can open no file. */
#pragma once

#include "daemon/base/keyed_digest.h"

#include <stdbool.h>
#include <stddef.h>

#define AUTHORITY_FILES_WHY_MAX 256

/* As one run of bytes: first the upstream's, then those of an https proxy. */
struct authority_bytes {
        int fd; /* a memfd, sealed against every change; -1: none */
        size_t length, proxy_length;
        uint8_t digest[KEYED_DIGEST_SIZE]; /* of all bytes: the same bytes, the same digest */
};

/* Where this host has its authorities, if there is no file where libcurl was built to look: the program may
 * have come with a libcurl of its own from a host of another kind. NULL: libcurl's place counts. */
const char *authority_files_elsewhere(void);

/* Reads what an exchange trusts: ca_file alone, or, with NULL, the system's, which are the file (or that
 * elsewhere) and the directory that libcurl was built with; and with_proxy the system's once more. ret->fd
 * is the caller's then. May wait for a disk: not for a loop. Negative errno, with what is wrong and what to
 * do in reterr_why. */
int authority_files_read(const char *ca_file, bool with_proxy, struct authority_bytes *ret,
                         char reterr_why[static AUTHORITY_FILES_WHY_MAX]);

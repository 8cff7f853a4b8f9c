/* Where a store for shared session tokens is: a Valkey or Redis. */
#pragma once

#include <stddef.h>

#define STORE_ADDRESS_MAX 160 /* characters */
#define STORE_PORT        6379

enum store_kind { STORE_PLAIN, STORE_TLS, STORE_UNIX };

struct store_address {
        enum store_kind kind;
        char text[STORE_ADDRESS_MAX + 1]; /* in one spelling: redis://host:6379, rediss://host:6379 or
                                             unix:/path; no secret, to be shown */
};

/* Reads redis://HOST[:PORT], rediss://HOST[:PORT] or unix:/PATH. -EINVAL: reterr_why (size bytes) says what
 * is wrong and what to write instead; it never quotes the text, which may hold a password. -ENOMEM. */
int store_address_parse(const char *text, struct store_address *ret, char *reterr_why, size_t size);

/* The path of its socket, for STORE_UNIX only: a part of the address. */
const char *store_address_path(const struct store_address *address);

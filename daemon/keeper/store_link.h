/* One connection to a store: bytes to it and bytes from it, by libcurl, which looks up the name off the
 * loop, checks the certificate, and knows time-outs. No proxy is used. Their meaning is not known here. */
#pragma once

#include "daemon/base/curl_loop.h"
#include "lib/store_address.h"

#include <stdint.h>

#define STORE_LINK_WHY_MAX 256

enum store_link_fault {
        STORE_LINK_UNREACHABLE, /* no name, no route, nobody there */
        STORE_LINK_UNTRUSTED,   /* its certificate, or our authorities */
        STORE_LINK_SILENT,      /* the time is up */
        STORE_LINK_CLOSED,      /* it closed the connection */
};

struct store_link_user {
        /* It is connected, and trusted: store_link_send() may be called. */
        void (*on_open)(void *userdata);
        /* Bytes have come, at most 16 KiB at a time. Returns whether more are wanted; if not, the link may
         * have been freed. */
        bool (*on_bytes)(const void *bytes, size_t size, void *userdata);
        /* It is of no use any more, and is to be freed, now or later. why: for people, with what to do. */
        void (*on_fault)(enum store_link_fault fault, const char *why, void *userdata);
        void *userdata;
};

struct store_link;

/* Connects. Nothing is called from within; everything is over within timeout_usec. address and ca_file
 * (NULL: the system's authorities vouch) are borrowed for the call only. -ENOMEM. */
int store_link_open(struct store_link **ret, sd_event *event, struct curl_loop *loop,
                    const struct store_address *address, const char *ca_file, uint64_t timeout_usec,
                    const struct store_link_user *user);

/* Sends these, once, after on_open: they stay the caller's, and are borrowed until the link is freed or
 * other bytes are sent. May call on_fault. */
void store_link_send(struct store_link *link, const void *bytes, size_t size);

/* Closes. May be called from within the functions of its user. NULL is fine; returns NULL. */
struct store_link *store_link_free(struct store_link *link);

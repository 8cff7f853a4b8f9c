/* Where the requests of an environment go: addresses, the proxy, and the authorities that vouch for it,
 * looked up in a thread. The forwarder, which has neither names nor files, is told. */
#pragma once

#include "daemon/base/helper_threads.h"
#include "daemon/keeper/authority_files.h"
#include "lib/message.h"

/* The result. */
struct upstream_found {
        char addresses[MESSAGE_ADDRESSES_MAX][MESSAGE_ADDRESS_MAX + 1];
        size_t n_addresses;
        char proxy[MESSAGE_PROXY_MAX + 1];             /* see struct message_upstream */
        struct authority_bytes authorities;            /* fd is -1: there are none */
        char why[AUTHORITY_FILES_WHY_MAX];             /* there are no addresses; "": there are */
        char why_authorities[AUTHORITY_FILES_WHY_MAX]; /* likewise */
};

/* A look-up is over; userdata: of helper_threads_new(). The result is the callee's for the call only, but
 * for the descriptor, which it may take with take_fd(). */
typedef void (*upstream_lookup_done_fn)(const char *environment, uint64_t number,
                                        struct upstream_found *found, uint64_t now_usec, void *userdata);

struct upstream_question {
        const char *environment;
        const char *base_url;
        const char *ca_file; /* NULL: the system's */
        uint64_t number;     /* comes back */
        upstream_lookup_done_fn done;
};

/* Begins one. The question stays the caller's. Negative errno. */
int upstream_lookup_begin(struct helper_threads *threads, const struct upstream_question *question);

/* The closing of what was found. */
void upstream_found_clear(struct upstream_found *found);

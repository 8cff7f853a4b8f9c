/* The service manager's store for what is to survive a restart (FDSTORE=1 in sd_notify(3)): of each series
 * one snapshot at a time, named "sessions-N", "knowledge-N" or "opaque-N", where N grows with each. It says
 * what it lets go and why. */
#pragma once

#include "daemon/base/passed_sockets.h"
#include "daemon/keeper/session_snapshot.h"
#include "lib/saved_sessions.h"

#include <stdbool.h>

/* One kind of text that is kept. */
struct store_series {
        const char *name; /* "sessions" */
        size_t text_max;
        unsigned n_needed; /* descriptors that the store must have room for */
        /* Reads a text, as saved_sessions_parse() does; its own number and boot go to ret_number and
         * *ret_boot_id, which is a part of *ret. */
        int (*parse)(const char *text, size_t length, void **ret, uint64_t *ret_number,
                     const char **ret_boot_id, const char **reterr_why);
        void (*free)(void *kept); /* NULL is fine */
};

struct session_store {
        const struct store_series *series;
        bool usable; /* there is a manager that may have a store, and this boot's ID is known */
        char boot_id[SAVED_BOOT_ID_LENGTH + 1];
        uint64_t number;                 /* of the current one, or the latest there was; 0: none yet */
        uint64_t oldest;                 /* that the store may still have; number + 1: none */
        struct session_snapshot current; /* the content of the store */
};

/* Takes those of passed->kept over that are of this series: reads the newest one that is whole, ours and of
 * this boot, which becomes the current one; has the manager let the others go. *ret_kept is the caller's;
 * NULL: there is none. */
void session_store_init(struct session_store *store, const struct store_series *series,
                        struct passed_sockets *passed, void **ret_kept);

/* The store keeps what it has. */
void session_store_clear(struct session_store *store);

/* Is this the current one's text? */
bool session_store_has(const struct session_store *store, const char *text, size_t length);

/* The number of the next text. After the last that can be read (SAVED_NUMBER_MAX) it is 1 again, in a store
 * that is emptied for it. -EAGAIN: the manager has no room to hear of that. */
int session_store_next(struct session_store *store, uint64_t *ret);

/* Puts a text of the number store->number + 1, as session_store_next() says, in the place of the current
 * one. Whenever the process ends, the store has one of both. Negative errno. */
int session_store_put(struct session_store *store, const char *text, size_t length);

/* A removal that was not sent, as the manager had no room for it. -EAGAIN: it still has none. */
int session_store_settle(struct session_store *store);

/* Empties the store, or see above. */
void session_store_drop(struct session_store *store);

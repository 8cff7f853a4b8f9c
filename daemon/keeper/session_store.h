/* The service manager's store for what is to survive a restart (FDSTORE=1 in sd_notify(3)): one snapshot at
 * a time, named "sessions-N", where N grows with each. It says what it lets go and why. */
#pragma once

#include "daemon/base/passed_sockets.h"
#include "daemon/keeper/session_snapshot.h"

#include <stdbool.h>

struct session_store {
        bool usable; /* there is a manager that may have a store, and this boot's ID is known */
        char boot_id[SAVED_BOOT_ID_LENGTH + 1];
        uint64_t number;                 /* of the current one, or the latest there was; 0: none yet */
        uint64_t oldest;                 /* that the store may still have; number + 1: none */
        struct session_snapshot current; /* what the store has */
};

/* Takes passed->sessions over: reads the newest one that is whole, ours and of this boot, which becomes the
 * current one; has the manager let the others go. *ret_kept is the caller's; NULL: there is none. */
void session_store_init(struct session_store *store, struct passed_sockets *passed,
                        struct saved_sessions **ret_kept);

/* The store keeps what it has. */
void session_store_clear(struct session_store *store);

/* Is this the current one's text? */
bool session_store_has(const struct session_store *store, const char *text, size_t length);

/* Puts a text of the number store->number + 1 in the place of the current one. Whenever the process ends,
 * the store has one of both. Negative errno. */
int session_store_put(struct session_store *store, const char *text, size_t length);

/* Empties the store. */
void session_store_drop(struct session_store *store);

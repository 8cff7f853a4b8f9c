/* How sessions survive a restart: what is in hand is put into sealed memory that the service manager keeps
 * (daemon/keeper/session_store), at every change; the next process takes it up again. Never on a disk.
 * Without a manager that has a store, all of it does nothing. */
#pragma once

#include "daemon/base/passed_sockets.h"
#include "daemon/keeper/environments.h"

struct survival;

/* Reads what the manager kept (passed->sessions, which it takes over): the newest that is whole and of this
 * boot; the store lets go the rest. Environments and keys stay the caller's. -ENOMEM and others. */
int survival_new(struct survival **ret, sd_event *event, const struct environments *environments,
                 struct key_files *keys, struct passed_sockets *passed);

/* Lets the manager know what is new and not told yet. NULL is fine; returns NULL. */
struct survival *survival_free(struct survival *survival);

/* Once keys are read, and before the environments are told of them: hands each environment what was kept for
 * it, if it still fits. Only the first call does anything. */
void survival_restore(struct survival *survival, uint64_t now_usec);

/* Something changed, perhaps: looks in the next turn of the loop, before anything is sent upstream, and
 * pushes what is new. NULL is fine. */
void survival_look(struct survival *survival);

/* How sessions survive a restart, and what is known of keys, accounts and budgets a removal as well: the
 * state in hand is put into sealed memory that the service manager keeps (daemon/keeper/session_store), at
 * every change; the next process takes it up again. Never on a disk. Without a manager that has a store,
 * only what this process itself remembers counts. */
#pragma once

#include "daemon/base/passed_sockets.h"
#include "daemon/keeper/environments.h"

struct survival;

/* Reads what the manager kept (passed->kept, which it takes over): the newest that is whole and of this
 * boot; the store lets go the rest. The environments stay the caller's. -ENOMEM and others. */
int survival_new(struct survival **ret, sd_event *event, const struct environments *environments,
                 struct passed_sockets *passed);

/* Lets the manager know what is new and not told yet. NULL is fine; returns NULL. */
struct survival *survival_free(struct survival *survival);

/* The salt by which keys are told apart, from process to process, and who sent what: for environment_tools.
 */
const uint8_t *survival_salt(const struct survival *survival);
struct exchange_ledger *survival_ledger(struct survival *survival);

/* Other environments are in use: remembers for an hour those of before that are not among them any more.
 * While their keys are still in hand. */
void survival_note_gone(struct survival *survival, const struct environments *before, uint64_t now_usec);

/* Before environments are told of their keys: hands each one that is new what is remembered of it, if it
 * still fits. */
void survival_restore(struct survival *survival, uint64_t now_usec);

/* Something changed, perhaps: looks in the next turn of the loop, before anything is sent upstream, and
 * pushes what is new. Where the manager has no room to hear of it, again after 1 s, doubled up to a minute.
 * NULL is fine. */
void survival_look(struct survival *survival);

/* One environment and what all of them have sent: the ledger (lib/exchange_ledger) as it concerns this one.
 */
#pragma once

#include "daemon/keeper/environment_object.h"

/* May the exchange be sent that the machine has begun with this key? 0 and *ret_held false: yes, and it is
 * entered in the ledger. 0 and *ret_held true: no; the machine was told, and *ret_step is what it does
 * instead. Negative errno: the key cannot be named, and nothing is entered. *ret_step is set only if
 * *ret_held. */
int environment_ledger_enter(struct environment *environment, uint64_t key_serial,
                             struct refresh_step *ret_step, bool *ret_held);

/* The outcome of that exchange, which the machine knows already. */
void environment_ledger_tell(struct environment *environment, const struct refresh_outcome *outcome,
                             uint64_t key_serial, uint64_t sent_usec, uint64_t now_usec);

/* `asked` is a copy of the environment's machine, asked for an exchange of this share; *verdict and
 * *obstacle are its answer. True: exchanges of others stand against it, and the environment's own machine is
 * not to hear of the wish. Makes verdict and obstacle true. */
bool environment_ledger_objects(const struct environment *environment, const struct refresh *asked,
                                enum refresh_share share, uint64_t now_usec, enum refresh_verdict *verdict,
                                struct refresh_obstacle *obstacle);

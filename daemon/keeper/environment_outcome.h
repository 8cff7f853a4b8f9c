/* The outcome of an exchange: whose token it is, what the refresh machine makes of it, what the log says. */
#pragma once

#include "daemon/keeper/environment_object.h"

/* Whose tokens are served, as the settings say, or else as the first grant did; "": any account's. */
const char *environment_account(const struct environment *environment);

/* Takes the outcome of the exchange under way: a token that is granted for the environment's account becomes
 * the session in hand. Returns the step to be carried out. */
struct refresh_step environment_outcome_take(struct environment *environment,
                                             const struct exchange_report *report, uint64_t now_usec);

/* Takes the answer of the claim under way, for this key; found (of FOUND, taken over): the session that the
 * machine may adopt. Returns the step to be carried out. */
struct refresh_step environment_outcome_take_claim(struct environment *environment,
                                                   const struct refresh_claim *claim, struct session *found,
                                                   uint64_t key_serial, uint64_t now_usec);

/* An operator wants the account to be forgotten: the next grant of another one decides, within an hour. */
void environment_outcome_open_account(struct environment *environment, uint64_t now_usec);

/* Key trial: does a key get a token? One exchange with the EQP API, which eqp-brokerd makes on our behalf.
 */
#pragma once

#include "ctl/program.h"
#include "lib/access_key.h"
#include "lib/settings.h"
#include "lib/token_exchange.h"

enum key_verdict {
        KEY_GOOD,
        KEY_REFUSED,  /* by the EQP API */
        KEY_NOT_NOW,  /* the EQP API cannot be asked at the moment */
        KEY_ODD,      /* it answered, and nobody can tell what that means */
        KEY_NO_TRIAL, /* nothing was tried: eqp-brokerd, or what it needs, is not in order */
};

struct key_trial {
        enum key_verdict verdict;
        char words[PROGRAM_WORDS_MAX]; /* eqp-brokerd's words about it */
        char account[MAGE_ID_MAX + 1]; /* that a good key is of; "": not known */
};

/* Tries a key of this environment. Blocks for as long as the environment's exchange_timeout allows; some
 * seconds later eqp-brokerd is killed, which counts as KEY_NOT_NOW. settings may be NULL. */
void key_trial_run(struct key_trial *ret_trial, const struct settings *settings, const char *environment,
                   const struct access_key *key);

/* For a table: "good", "refused", "not now", "odd answer", "not tried". */
const char *key_verdict_name(enum key_verdict verdict);

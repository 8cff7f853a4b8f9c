/* Token command: a command that is run at each new token, one at a time, for a bounded time. */
#pragma once

#include "client/eqp-broker.h"
#include "lib/util.h"

#include <signal.h>

struct token_command {
        char **argv; /* NULL: there is none */
        uint64_t limit_usec;
        const sigset_t *signals; /* the signals that it finds blocked */
        bool ignores_pipe;       /* it finds SIGPIPE ignored */

        pid_t pid;         /* 0: none is running */
        uint64_t end_usec; /* it is told to end then, and a little later killed; USEC_NEVER: it was */
        bool told;
        bool failed; /* the last one */
};

/* Starts it with the token in EQP_TOKEN, the account in EQP_MAGE_ID and the API's address in EQP_BASE_URL,
 * in a process group of its own, without standard input. Why it cannot is said on stderr. Moments are of
 * CLOCK_MONOTONIC. */
void token_command_start(struct token_command *command, const struct eqp_broker_token *token,
                         uint64_t now_usec);

/* At a SIGCHLD, and at end_usec: says how it ended, or ends it. */
void token_command_look(struct token_command *command, uint64_t now_usec);

/* Ends what is running, and waits until it has. */
void token_command_stop(struct token_command *command);

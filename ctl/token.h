/* Token: the one that the command line asks for. */
#pragma once

#include "client/eqp-broker.h"
#include "ctl/options.h"

/* Gets the token of options' environment, with its min_ttl_sec and wait_sec. EXIT_DONE, or another exit code
 * after saying why. Release with eqp_broker_token_free(). */
int token_ask(struct eqp_broker_token **ret_token, const struct options *options);

static inline void token_freep(struct eqp_broker_token **token)
{
        *token = eqp_broker_token_free(*token);
}

/* Token text: a token in the form that the command line asks for. */
#pragma once

#include "client/eqp-broker.h"
#include "ctl/options.h"

/* One line, or for an environment file three, each with its newline; no NUL behind. In memory for secrets,
 * the caller's for secret_free(). NULL: no memory. */
char *token_text(const struct eqp_broker_token *token, enum token_format format, size_t *ret_length);

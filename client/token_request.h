/* Token request: the common part of the answers to all requests for a token. */
#pragma once

#include "client/broker.h"

/* The token of a daemon's good answer, the latest of this broker. -EPROTO, -ENOMEM, with the trouble set. */
int token_request_take(struct eqp_broker *broker, struct json_object *object, const char *environment,
                       struct eqp_broker_token **ret_token);

/* Token: one session token as a caller of the library holds it; see eqp-broker.h for its readers. */
#pragma once

#include "client/eqp-broker.h"
#include "lib/util.h"

#include <json-c/json.h>

/* Makes a token of a daemon's token answer, which must be whole and be for that environment, and of the ETag
 * that came with it, "" for none. The token's text is wiped from the object. -EPROTO, -ENOMEM. */
int token_from_json(struct eqp_broker_token **ret_token, struct json_object *object, const char *environment,
                    const char *etag);

/* The daemon's name for it; "": it has none. Belongs to the token. */
const char *token_etag(const struct eqp_broker_token *token);

/* Whether text can be a session token: 1 to 4096 visible ASCII characters, no double quote. */
bool ust_is_valid(const char *text);

static inline void token_freep(struct eqp_broker_token **token)
{
        *token = eqp_broker_token_free(*token);
}

/* Broker, seen from inside: where to ask, the connection, the last failure. */
#pragma once

#include "client/answer.h"
#include "client/eqp-broker.h"

#define ADDRESSES_MAX 3

struct eqp_broker {
        struct transport *transport;
        struct address addresses[ADDRESSES_MAX];
        size_t n_addresses;
        size_t last; /* index of the address that the last request went to */
        struct trouble trouble;
        char etag[REPLY_ETAG_MAX + 1]; /* of the last answer; "": it had none */
};

/* Sends the request to the first address that takes it, and reads the JSON object of a good answer; release
 * it with json_object_put(). NULL: the request's ETag is still the one (304). Results as in eqp-broker.h,
 * with the trouble set. */
int broker_request(struct eqp_broker *broker, const struct request *request,
                   struct json_object **ret_object);

/* -EINVAL if this is no environment's name, with the trouble set. */
int broker_check_environment(struct eqp_broker *broker, const char *environment);

/* -EINVAL and its words. */
int broker_bad_argument(struct eqp_broker *broker, const char *message);

/* -EPROTO for an answer that lacks what belongs there. */
int broker_nonsense(struct eqp_broker *broker, const char *what);

/* A request as it comes in, and its answer: daemon/frontend/http/http_server fills it in and
 * daemon/frontend/api/api answers it. */
#pragma once

#include "daemon/base/waiters.h"
#include "daemon/frontend/callers/local_keys.h"
#include "daemon/frontend/http/guard.h"
#include "daemon/frontend/http/head_bytes.h"
#include "daemon/frontend/http/same_head.h"
#include "daemon/frontend/known/known.h"
#include "lib/gateway_target.h"
#include "lib/route.h"

#include <microhttpd.h>

#define REQUEST_TARGET_MAX 320  /* bytes; longer ones are refused */
#define REQUEST_BODY_MAX   8192 /* bytes: a token of 4096 with every character escaped once, and its frame */

struct connection;
struct request;

/* How far a request has come whose handler sees it before its body is there: see http_handler.is_early. */
enum request_phase {
        REQUEST_WHOLE, /* none of those: its body is collected here, and then it is handled */
        REQUEST_HEAD,  /* its head is there; it is being looked at, or waits */
        REQUEST_BODY,  /* its flow takes its body */
        REQUEST_DROPS, /* its answer is known; the rest of its body is dropped first */
        REQUEST_ENDED, /* all of it is there */
};

/* The function that takes the body of such a request. */
struct request_flow {
        /* Takes a piece, or the beginning of it; returns how much. If that is not all, it has called
         * request_wait() or request_answer(). */
        size_t (*take)(struct request *request, const char *data, size_t size, uint64_t now_usec);
        /* The last call: the request is over, one way or another. */
        void (*end)(struct request *request);
};

struct request {
        struct connection *connection; /* that it came in by: daemon/frontend/http/connection.h */

        /* as it came */
        enum http_method method;
        char method_text[GATEWAY_METHOD_MAX + 2]; /* one that is longer than may be is cut off */
        enum request_phase phase;
        bool target_too_long;
        char *long_target; /* one that is too long for `target`, of a client of the EQP API; NULL: none */
        char target[REQUEST_TARGET_MAX + 1]; /* path and query as on the request line */
        const char *raw_target;              /* libmicrohttpd's */
        size_t raw_target_length;
        struct head_bytes head;
        size_t head_size; /* about what its head takes of the connection's memory */
        struct guard_facts facts;
        struct same_head same; /* of an earlier request on the connection */
        bool as_before;        /* its head is that one, which was found fit */
        char *body;            /* NULL without one; it may hold a token */
        size_t body_length;
        bool body_too_large;
        bool stalled; /* the rest of its body did not come in time: it was answered so, past its flow */

        /* its wish, once daemon/frontend/api/api has looked at it */
        struct route_match match;              /* match.route is NULL until then */
        struct known_environment *environment; /* NULL: the route concerns none */
        size_t environment_index;
        bool as_upstream;           /* a client of the EQP API asks: errors are told in that form */
        struct carried_key carried; /* CARRIED_NOTHING until then */
        bool counted;               /* in api::n_requests */
        char client_from_id[CLIENT_NAME_MAX + 1]; /* the application ID of an unchanged EQP client */
        uint32_t min_ttl_sec;
        bool waits_for_another; /* with If-None-Match: a token that it has already is no answer yet */
        uint32_t at_most_sec;   /* as_upstream: no longer life is told than it asks for */

        /* while it waits: for the environment, for the keeper's answer, or for what is asked of the caller
         */
        struct waiter waiter;
        uint64_t wait_until_usec;
        uint64_t place_until_usec;    /* when the wait for a place is over; 0: it did not begin */
        bool cut_short;               /* the daemon ends before the wait would */
        struct question *question;    /* to the keeper; NULL: none was asked */
        uint64_t question_until_usec; /* when its answer is given up */
        uint64_t patience_usec;       /* until then the caller wants to wait for a token; 0: its wish was not
                                         looked at yet */
        uint64_t seen_serial;         /* of the session in hand when it began to wait */
        uint64_t seen_answered;       /* environment->view.n_answered likewise */

        const struct request_flow *flow; /* NULL: none */
        void *flow_data;                 /* the flow's own */

        /* the answer */
        unsigned status; /* 0: none yet */
        struct MHD_Response *response;
        bool response_shared; /* it is not ours to let go */
};

/* Path and query as on the request line; noted as too long instead if they are. */
void request_take_target(struct request *request, const char *target);

/* Method, version and headers. False: there is no need to read the body, as it is far too large by its
 * own account or nobody knows where it ends. */
bool request_take_head(struct request *request, struct MHD_Connection *mhd, const char *method,
                       const char *version);

/* How long its body is by its own account; -1: that is not told (chunked); 0: it has none. */
int64_t request_announced(const struct request *request);

/* Path and query as on the request line, however long. */
const char *request_target(const struct request *request);

/* A piece of the body. False: the connection must end (no memory, or far too much). */
bool request_take_body(struct request *request, const char *data, size_t size);

/* Answers, from within on_request only. Takes the response over; without one (no memory) the connection
 * ends. */
void request_answer(struct request *request, unsigned status, struct MHD_Response *response);

/* Likewise, but the response stays the caller's, who may answer other requests with it. */
void request_answer_shared(struct request *request, unsigned status, struct MHD_Response *response);

/* Hands the answer to libmicrohttpd. last: it tells the client that none follows on this connection. MHD_NO:
 * there is none, or no memory; the connection ends. */
enum MHD_Result request_queue(struct request *request, struct MHD_Connection *mhd, bool last);

/* Environments may go, and rights change: its wish is to be found out again. Its wait goes on: the question
 * to the keeper, the state that was seen then, and the end of the caller's wait. */
void request_forget_environment(struct request *request);

/* Ready for the connection's next one. */
void request_clear(struct request *request);

/* A request that is passed on, from the moment when it was found allowed; and what all of them share. */
#pragma once

#include "daemon/frontend/api/api_state.h"
#include "daemon/frontend/gateway/gateway_audit.h"
#include "daemon/frontend/gateway/lanes.h"
#include "daemon/frontend/gateway/mutes.h"
#include "daemon/frontend/gateway/turns.h"
#include "daemon/frontend/http/request.h"
#include "lib/gateway_target.h"
#include "lib/local_key.h"

/* So much of a body is kept: up to that it is sent as a whole, and again with another token. So much of an
 * answer is held back where it may have to be changed, or may not be the last word. */
#define TRANSFER_KEPT_MAX (64 * 1024)

enum transfer_stage {
        TRANSFER_COLLECTS, /* its body is kept until it ends, or there is too much of it */
        TRANSFER_TOKEN,    /* a token is wanted */
        TRANSFER_TURN,     /* a lane is wanted */
        TRANSFER_SENDS,    /* its head is on the lane, its body is to follow */
        TRANSFER_AWAITS,   /* all of it is on the lane; the answer is awaited */
        TRANSFER_HOLDS,    /* the answer is held back, to its end or the most there may be of it */
        TRANSFER_REPORTS,  /* the answer was 401: another token may come */
        TRANSFER_AHEAD,    /* the head of the answer is too large for libmicrohttpd, and is sent before it */
        TRANSFER_ANSWERS,  /* the head of the answer is libmicrohttpd's, the body goes on */
};

/* How a request went, for the metrics. */
enum transfer_end {
        TRANSFER_DONE,
        TRANSFER_CLIENT_GONE,   /* the client went, or was too slow */
        TRANSFER_UPSTREAM_GONE, /* the answer was cut off */
        TRANSFER_ENDED,         /* by us: its right is gone, or the daemon ends */
};

struct gateway_counts {
        uint64_t n_by_class[6]; /* by the first digit of the status; 0: no answer */
        uint64_t n_refused, n_failed, n_repeated, n_aborted[TRANSFER_ENDED + 1];
        uint64_t n_in, n_out;         /* bytes of bodies */
        uint64_t n_timed, timed_usec; /* upstream's time to the head of the answer */
};

/* An answer's body that waits to be read: bytes of one block. */
struct transfer_held {
        char *bytes;
        size_t length, at, room;
};

struct gateway {
        struct api *api;
        struct known *known;
        struct poll_set *poll_set;
        struct mhd_loop *stirred; /* by a lane's news; NULL: none was */
        struct lanes *lanes;
        struct turns turns;
        struct mutes mutes;
        struct gateway_audit *audit;
        struct gateway_counts counts;
        struct ring transfers;
        struct request_flow flow; /* of each of them */
        unsigned n_transfers;
        char *packet; /* secret: where a request is put together for its lane */
        bool draining;
        unsigned n_awaited;                 /* transfers that began before that */
        void (*on_drained)(void *userdata); /* once none of these is left; NULL: nobody waits for it */
        void *drained_userdata;
        sd_event_source *drain_limit, *right_limit;
        bool rights_wait; /* right_limit is on */
};

struct transfer {
        struct ring ring; /* gateway::transfers */
        struct gateway *gateway;
        struct request *request;
        struct turn turn;
        struct lane_user lane;
        enum transfer_stage stage;
        enum transfer_end end;
        bool awaited; /* by the end of the daemon */

        /* the request, and its right */
        struct gateway_audit_what what;
        struct gateway_target target;      /* points into the request's */
        char key_id[LOCAL_KEY_ID_MAX + 1]; /* of its local key; "": it came with none */
        uint8_t key_hash[LOCAL_KEY_HASH_SIZE];
        struct waiter right_news;      /* its caller's names or groups are asked for */
        uint64_t right_until_usec;     /* they are waited for until then; 0: they are not */
        uint64_t generation;           /* of the rules that it was judged by */
        char account[MAGE_ID_MAX + 1]; /* that it was judged for, as rules may name it */
        bool covers;                   /* its caller is not to see the token */
        bool is_head;
        uint64_t body_max, answer_timeout_usec;

        /* the request */
        int64_t announced; /* bytes of its body; -1: not known */
        char *kept;
        size_t kept_length;
        uint64_t pulled;                 /* bytes that were taken from the client */
        uint64_t sent;                   /* of them, on the lane */
        bool body_ended;                 /* all of it was taken */
        bool may_send;                   /* the upstream wants the body */
        bool drops;                      /* nobody wants the rest of the body */
        bool repeated;                   /* it was sent twice */
        struct session *session;         /* whose token it goes with; NULL: none yet */
        char base_url[BASE_URL_MAX + 1]; /* where that is good */
        uint64_t begun_usec, until_usec,
                lane_usec; /* until: of the stage; 0: not begun. lane: it was sent */

        /* the answer */
        unsigned status;
        int64_t content_length;
        bool until_close;
        char *headers; /* lines as they came */
        size_t headers_length;
        char *ahead; /* bytes to send before libmicrohttpd's head; NULL: nothing is, or all has been */
        size_t ahead_length, ahead_at;
        struct transfer_held held;
        bool over;     /* the upstream has said all of it */
        bool complete; /* all of its body is libmicrohttpd's */
        uint64_t n_out;
        const char *slug; /* of the gateway's error; NULL: there was none */
};

/* The request of a transfer; NULL: it has none. */
static inline struct transfer *transfer_of(const struct request *request)
{
        return request->flow ? request->flow_data : NULL;
}

/* Makes one of a request that may be passed on; it is the request's flow from now on, and ends with it. The
 * request has still to be filled in. NULL: no memory. */
struct transfer *transfer_new(struct gateway *gateway, struct request *request);

/* request_flow.end. */
void transfer_end(struct request *request);

/* Makes room for so many bytes. False: no memory. */
bool transfer_held_room(struct transfer_held *held, size_t room);

/* It goes with this one's token, and where that is good. */
void transfer_take_session(struct transfer *transfer, struct session *session);

/* Releases lane and turn; the next transfer has its turn. The answer, as far as it came, stays. */
void transfer_leave_lane(struct transfer *transfer);

/* Goes on, if the request waits. */
void transfer_resume(struct transfer *transfer);

/* Ends its connection. */
void transfer_abort(struct transfer *transfer, enum transfer_end end);

/* Answers with an error of the gateway's; see gateway_answer.h. */
void transfer_fail(struct transfer *transfer, unsigned status, const char *slug, const char *message,
                   uint32_t retry_after_sec);

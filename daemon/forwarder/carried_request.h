/* One request on its way: from a lane to the upstream, and the answer back. */
#pragma once

#include "daemon/base/curl_loop.h"
#include "daemon/base/ring.h"
#include "daemon/forwarder/lane_answer.h"
#include "daemon/forwarder/request_body.h"
#include "daemon/forwarder/request_form.h"
#include "daemon/forwarder/upstream.h"
#include "daemon/forwarder/upstream_answer.h"

struct carried_request;

struct carried_handlers {
        /* The transfer is out of the loop; its handle is free for others. Never from within libcurl's
         * callbacks. */
        void (*on_transfer_over)(struct carried_request *request, void *userdata);
        /* The events wanted of the lane may have changed: see carried_request_wants(). */
        void (*on_want)(void *userdata);
        /* No connection came about that can be trusted. */
        void (*on_stale)(const struct upstream *upstream, void *userdata);
        void *userdata;
};

struct carried_request {
        struct ring place; /* among those that wait, or that are under way: its owner's */
        struct lane_answer out;
        struct upstream *upstream;
        CURL *easy; /* NULL: not under way */

        /* its own */
        struct curl_loop *loop;
        const struct lane_end *end;
        struct request_form *form;
        struct upstream_answer answer;
        struct carried_handlers handlers;
        unsigned n_quiet; /* ticks since a byte went either way */

        struct request_body body;
        bool to_head; /* it is a HEAD */
        bool expect;  /* the upstream is asked for 100 */

        bool sent;  /* some of it, or maybe */
        bool ended; /* but for what the frontend is to be told yet */
        bool again; /* on a new connection; nothing of it was carried out */
        unsigned n_attempts;
        bool held_back;   /* an answer's data, for want of room */
        int64_t received; /* of its body */
        bool broken;      /* the frontend sent what makes no sense */

        bool failed; /* for a reason of ours */
        enum lane_fail fail;
        const char *why;
        char error_text[CURL_ERROR_SIZE];
};

/* A sound packet, which is copied; end is borrowed. -ENOMEM. */
int carried_request_new(struct carried_request **ret, const struct lane_end *end,
                        const struct lane_request *packet, size_t length, struct upstream *upstream,
                        struct curl_loop *loop, const struct carried_handlers *handlers);

/* Cuts it off; nothing more is sent of it. NULL is fine; returns NULL. */
struct carried_request *carried_request_free(struct carried_request *request);

/* Starts it with this handle, which is as new; it is the request's until on_transfer_over. -ENOMEM. */
int carried_request_start(struct carried_request *request, CURL *easy);

/* Ends it so, cutting it off if it is under way; it waits nowhere any more. */
void carried_request_fail(struct carried_request *request, enum lane_fail fail, const char *why);

/* Does it take DATA from the lane itself, so that nobody else may read there? */
bool carried_request_reads_lane(const struct carried_request *request);

/* The events of the lane that it waits for, as epoll has them: to be readable, to have room. */
uint32_t carried_request_wants(const struct carried_request *request);

/* It came true. */
void carried_request_go_on(struct carried_request *request);

/* libcurl has acted: due packets are sent, and a finished request is cut off. True: it is over. */
bool carried_request_settle(struct carried_request *request);

/* END, or DATA that it does not read itself. False: it makes no sense. */
bool carried_request_take(struct carried_request *request, const struct lane_packet *packet);

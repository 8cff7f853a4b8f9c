/* The HTTP server, on libmicrohttpd: connections come in by http_server_add(), requests go to
 * the handler.
 *
 * Every connection has one deadline at a time: to send a request (10 s, counted from accept: a slow drip
 * does not renew it), to be answered, to take the answer (10 s), to send the next request (30 s). */
#pragma once

#include "daemon/frontend/callers/admission.h"
#include "daemon/frontend/http/request_wait.h"

#include <systemd/sd-event.h>

struct http_server;

/* The functions that answer. */
struct http_handler {
        /* The request is there as a whole, or what it waited for may have come, or its wait is over: call
         * request_answer(), request_answer_shared() or request_wait(). */
        void (*on_request)(struct request *request, uint64_t now_usec, void *userdata);
        /* Is this request, whose head is there, to be handled before its body comes? Then on_request may
         * also set its flow, which takes the body; on_request is called again at the end of it. NULL: none
         * is. */
        bool (*is_early)(const struct request *request, void *userdata);
        void *userdata;
};

/* -ENOMEM, -EIO: libmicrohttpd does not start. */
int http_server_new(struct http_server **ret, sd_event *event, const struct http_limits *limits,
                    const struct http_handler *handler);
/* Closes every connection. NULL is fine; returns NULL. */
struct http_server *http_server_free(struct http_server *server);

void http_server_set_limits(struct http_server *server, const struct http_limits *limits);

/* Takes over an accepted socket and what is known of its peer (also when it fails). */
void http_server_add(struct http_server *server, int fd, struct peer *peer,
                     const struct listen_place *place);

/* Works on waiting data. For code that adds connections: a flood of them must not keep those inside waiting.
 */
void http_server_take_turn(struct http_server *server);

/* Environments may go: requests that wait for one, or for their caller's groups, are looked at again from
 * the start. Those that are admitted as before wait on, and no longer than they would have. Those with a
 * flow stay as they are, and must not wait for an environment any more. */
void http_server_forget_environments(struct http_server *server);

/* The group of the unix sockets is another one's: clients that came in by them before have to come in again.
 */
void http_server_end_unix(struct http_server *server);

/* How many connections there are that may be read. */
unsigned http_server_connections(const struct http_server *server);

/* How many are parked: they wait for a place, and are not read. */
unsigned http_server_parked(const struct http_server *server);

/* How many were told, without being read, that there is no room. */
uint64_t http_server_turned_away(const struct http_server *server);

/* The end, see daemon/frontend/http/drain.h: calls done, once, when all is answered or the time is over.
 * Negative errno.
 */
int http_server_drain(struct http_server *server, void (*done)(void *userdata), void *userdata);

/* http_server: one libmicrohttpd daemon as a guest of the event loop, with or without TLS. It does not
 * listen: connections are handed to it. */
#pragma once

#include "simulator/certificate.h"

#include <stddef.h>
#include <sys/socket.h>
#include <systemd/sd-event.h>

struct answer;
struct http_server;
struct request;

/* Works out the answer to a request whose body has been read. Any trouble (negative errno) closes the
 * connection. */
typedef int (*http_decide_t)(struct request *request, struct answer **ret, void *userdata);

/* Looks at a request whose head has been read, and may say how its body is to be taken. Returns 1 if the
 * answer is to be decided now, without the body, 0 if not; any trouble (negative errno) closes the
 * connection. */
typedef int (*http_begin_t)(struct request *request, void *userdata);

struct http_config {
        sd_event *event;
        const struct certificate *certificate; /* NULL: plain HTTP */
        size_t body_max;                       /* so much of a request's body is kept for reading */
        http_begin_t begin;                    /* or NULL */
        http_decide_t decide;
        void *userdata;
};

/* Makes a server, which the caller frees; event and certificate must outlive it. Returns 0, -ENOMEM, or -EIO
 * when libmicrohttpd refuses. */
int http_server_new(struct http_server **ret, const struct http_config *config);

/* Closes every connection, whatever it is doing. */
struct http_server *http_server_free(struct http_server *server);

/* Takes over a connected socket, also on failure. Returns 0, or -EIO when there are too many or no memory.
 */
int http_server_add(struct http_server *server, int fd, const struct sockaddr *peer, socklen_t peer_size);

/* Ends the connections on which no request is under way. */
void http_server_close_idle(struct http_server *server);

/* Ends the connections that were left without an answer on purpose. */
void http_server_close_hanging(struct http_server *server);

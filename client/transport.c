/* Transport: HTTP/1.1 on a connection that is kept between requests.
 *
 * No library for HTTP is used: their work for the wide web, and the variables and files by which anybody
 * may tell them to do it (proxies, logins, keys of TLS written to a file), have no place in a program that
 * may be set-uid. The server here is a peer on this machine, and still not trusted to be eqp-brokerd. */
#include "client/transport.h"

#include "client/port_owner.h"
#include "client/wire.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#define CONNECT_TIMEOUT_USEC (2 * USEC_PER_SEC)
#define NAMES_MAX            256

struct transport {
        char names[NAMES_MAX];         /* headers that say who asks */
        int fd;                        /* the connection that is kept; -1: none */
        const struct address *address; /* where it leads to */
        bool unchecked;                /* its other end was not looked at */
        char owner_words[PORT_OWNER_WORDS_MAX];
        size_t n_head; /* bytes in head */
        char head[REPLY_HEAD_MAX];
};

static void disconnect(struct transport *transport)
{
        close_fd(&transport->fd);
        transport->address = NULL;
}

struct transport *transport_free(struct transport *transport)
{
        if (transport) {
                disconnect(transport);
                explicit_bzero(transport, sizeof(*transport));
                free(transport);
        }
        return NULL;
}

int transport_new(struct transport **ret_transport, const char *client_name)
{
        _cleanup_free_ struct transport *transport = calloc(1, sizeof(*transport));
        int n;

        if (!transport) {
                return -ENOMEM;
        }
        n = snprintf(transport->names, sizeof(transport->names),
                     "User-Agent: libeqp-broker/" EQP_BROKER_VERSION "\r\nEQP-Client: %s\r\n"
                     "Accept: application/json\r\n",
                     client_name);
        if (n < 0 || (size_t)n >= sizeof(transport->names)) {
                return -EINVAL;
        }
        transport->fd = -1;
        *ret_transport = take_ptr(transport);
        return 0;
}

void answer_clear(struct answer *answer)
{
        body_clear(&answer->body);
        *answer = (struct answer){ .body = BODY_INIT(ANSWER_BODY_MAX) };
}

/* ---- what went wrong, in words ---- */

static int connect_trouble(int r, const struct address *address, const struct request *request,
                           struct answer *answer, struct trouble *trouble)
{
        if (r == -ETIMEDOUT) {
                return trouble_set(trouble, -ETIMEDOUT, "timed_out",
                                   "No complete answer came from %s within %u s.", address->text,
                                   request->timeout_sec);
        }
        answer->connect_errno = -r;
        if (r == -EACCES || r == -EPERM) {
                return trouble_set(trouble, -EACCES, "socket_refused",
                                   "The socket %s may not be opened: %s.", address->text, strerror(-r));
        }
        return trouble_set(trouble, -ECONNREFUSED, "no_daemon", "No eqp-brokerd answers at %s: %s.",
                           address->text, strerror(-r));
}

static int exchange_trouble(int r, const struct transport *transport, const struct address *address,
                            const struct request *request, struct trouble *trouble)
{
        switch (r) {
        case -ENOMEM:
                return trouble_oom(trouble);
        case -EPERM:
                return trouble_set(trouble, -ECONNREFUSED, "not_trusted",
                                   "The listener at %s %s. Nothing was sent to it.", address->text,
                                   transport->owner_words);
        case -ETIMEDOUT:
                return trouble_set(trouble, -ETIMEDOUT, "timed_out",
                                   "No complete answer came from %s within %u s.", address->text,
                                   request->timeout_sec);
        case -ECONNRESET:
                return trouble_set(trouble, -ECONNRESET, "connection_lost",
                                   "The connection to %s broke before the answer was complete.",
                                   address->text);
        case -EMSGSIZE:
                return trouble_set(trouble, -EPROTO, "not_understood",
                                   "The answer from %s is longer than an eqp-brokerd would send.",
                                   address->text);
        case -EINTR:
                return trouble_stopped(trouble);
        default:
                return trouble_set(trouble, -EPROTO, "not_understood",
                                   "The server at %s does not speak HTTP as an eqp-brokerd does.",
                                   address->text);
        }
}

/* ---- a request and its answer ---- */

/* Is it one who may be the daemon? -EPERM with words, -ECONNRESET. */
static int check_owner(struct transport *transport)
{
        struct wire_ends ends;

        int r = wire_ends(transport->fd, &ends);
        return r < 0 ? -ECONNRESET
                     : port_owner_check(ends.other, ends.other_port, ends.own, ends.own_port,
                                        transport->owner_words);
}

static int send_request(struct transport *transport, const struct address *address,
                        const struct request *request, uint64_t deadline_usec)
{
        const char *host = strstr(address->url, "//") + strlen("//");
        size_t length = request->post_body ? strlen(request->post_body) : 0;
        char line[ADDRESS_TEXT_MAX + 512], size[128] = "\r\n";
        bool conditional = request->etag && request->etag[0] != '\0';
        struct iovec vectors[4];

        int n = snprintf(line, sizeof(line), "%s %s HTTP/1.1\r\nHost: %s\r\n%s%s%s",
                         request->post_body ? "POST" : "GET", request->path, host,
                         conditional ? "If-None-Match: " : "", conditional ? request->etag : "",
                         conditional ? "\r\n" : "");
        if (n < 0 || (size_t)n >= sizeof(line)) {
                return -EINVAL;
        }
        if (request->post_body) {
                (void)snprintf(size, sizeof(size),
                               "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n", length);
        }
        vectors[0] = (struct iovec){ line, (size_t)n };
        vectors[1] = (struct iovec){ transport->names, strlen(transport->names) };
        vectors[2] = (struct iovec){ size, strlen(size) };
        vectors[3] = (struct iovec){ (char *)request->post_body, length };
        return wire_send(transport->fd, vectors, length > 0 ? 4 : 3, deadline_usec);
}

/* Reads heads until one is the answer's, not of an interim one; the bytes behind it are left at the start of
 * transport->head. *ret_begun: anything came at all. */
static int receive_head(struct transport *transport, const int *stop_fd, struct reply *ret, bool *ret_begun,
                        uint64_t deadline_usec)
{
        transport->n_head = 0;
        for (;;) {
                ssize_t n = reply_read(transport->head, transport->n_head, ret);
                if (n < 0) {
                        return (int)n;
                }
                if (n > 0) {
                        transport->n_head -= (size_t)n;
                        memmove(transport->head, transport->head + n, transport->n_head);
                        if (ret->status >= 200) {
                                return 0;
                        }
                        continue;
                }
                n = wire_receive(transport->fd, stop_fd, transport->head + transport->n_head,
                                 sizeof(transport->head) - transport->n_head, deadline_usec);
                if (n <= 0) {
                        return n == 0 ? -ECONNRESET : (int)n;
                }
                *ret_begun = true;
                transport->n_head += (size_t)n;
        }
}

static int receive_body(struct transport *transport, const int *stop_fd, const struct reply *reply,
                        struct body *body, uint64_t deadline_usec)
{
        if (reply->has_length && reply->length > body->max) {
                return -EMSGSIZE;
        }
        for (;;) {
                size_t left = reply->has_length ? (size_t)reply->length - body->length : SIZE_MAX;
                size_t taken = MIN_OF(transport->n_head, left);
                int r = body_append(body, transport->head, taken);
                if (r < 0) {
                        return r;
                }
                transport->n_head -= taken;
                if (taken == left) {
                        return 0;
                }
                ssize_t n = wire_receive(transport->fd, stop_fd, transport->head, sizeof(transport->head),
                                         deadline_usec);
                if (n < 0) {
                        return (int)n;
                }
                if (n == 0) {
                        return reply->has_length ? -ECONNRESET : 0;
                }
                transport->n_head = (size_t)n;
        }
}

static int exchange(struct transport *transport, const struct address *address,
                    const struct request *request, struct answer *answer, bool *ret_begun,
                    uint64_t deadline_usec)
{
        struct reply reply;
        int r = transport->unchecked ? check_owner(transport) : 0;

        if (r < 0) {
                return r;
        }
        transport->unchecked = false;
        /* A daemon may refuse a request before all of it was read: its answer counts. */
        int sent = send_request(transport, address, request, deadline_usec);
        if (sent < 0 && sent != -ECONNRESET) {
                return sent;
        }
        r = receive_head(transport, request->stop_fd, &reply, ret_begun, deadline_usec);
        if (r < 0) {
                return r;
        }
        r = receive_body(transport, request->stop_fd, &reply, &answer->body, deadline_usec);
        if (r < 0) {
                return r;
        }
        answer->status = reply.status;
        answer->is_json = reply.is_json;
        answer->retry_after_sec = reply.retry_after_sec;
        memcpy(answer->etag, reply.etag, sizeof(answer->etag));
        /* Bytes behind the answer are ignored. */
        if (sent < 0 || reply.closes || !reply.has_length || transport->n_head > 0) {
                disconnect(transport);
        }
        return 0;
}

/* A connection that is left from before, or a new one. */
static int ensure_connection(struct transport *transport, const struct address *address,
                             uint64_t deadline_usec, bool *ret_kept)
{
        assert(address);
        *ret_kept = transport->address == address && transport->fd >= 0 && wire_is_idle(transport->fd);
        if (*ret_kept) {
                return 0;
        }
        disconnect(transport);
        int r = wire_connect(&transport->fd, address,
                             MIN_OF(deadline_usec, wire_now_usec() + CONNECT_TIMEOUT_USEC));
        if (r < 0) {
                return r;
        }
        transport->address = address;
        transport->unchecked = address->check_owner;
        return 0;
}

static int perform_once(struct transport *transport, const struct address *address,
                        const struct request *request, struct answer *answer, struct trouble *trouble)
{
        uint64_t deadline_usec = wire_now_usec() + request->timeout_sec * USEC_PER_SEC;
        bool kept, begun = false;
        int r;

        do {
                r = ensure_connection(transport, address, deadline_usec, &kept);
                if (r < 0) {
                        return connect_trouble(r, address, request, answer, trouble);
                }
                r = exchange(transport, address, request, answer, &begun, deadline_usec);
                explicit_bzero(transport->head, sizeof(transport->head));
                if (r < 0) {
                        disconnect(transport);
                }
        } while (r == -ECONNRESET && kept && !begun); /* it had ended just before */
        return r < 0 ? exchange_trouble(r, transport, address, request, trouble) : 0;
}

int transport_perform(struct transport *transport, const struct address *address,
                      const struct request *request, struct answer *answer, struct trouble *trouble)
{
        int r;

        *answer = (struct answer){ .body = BODY_INIT(ANSWER_BODY_MAX) };

        r = perform_once(transport, address, request, answer, trouble);
        if (r == -ECONNRESET && !request->post_body) {
                answer_clear(answer);
                trouble_clear(trouble);
                r = perform_once(transport, address, request, answer, trouble);
        }

        return r;
}

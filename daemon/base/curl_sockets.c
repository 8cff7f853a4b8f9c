/* The sockets that libcurl has.
 *
 * Between two requests on one connection libcurl watches its socket no more. That costs no call into the
 * kernel here: a socket is watched until it is closed, or has news that nobody waits for. */
#include "daemon/base/curl_sockets.h"

#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

/* A socket of libcurl's from when it is first watched until it is closed. */
struct watched {
        struct ring place;
        struct nested nested;
        struct curl_sockets *sockets;
        curl_socket_t fd;
        int own_port; /* 0: not asked yet */
        bool wanted;
        bool kept; /* it outlived a transfer; closing it is told by curl_sockets_close() from then on */
};

static void on_io(struct nested *nested, uint32_t events)
{
        struct watched *watched = container_of(nested, struct watched, nested);
        int what = 0;

        if (!watched->wanted) {
                nested_remove(nested); /* libcurl looks at it before it is used again */
                return;
        }
        if (events & EPOLLIN) {
                what |= CURL_CSELECT_IN;
        }
        if (events & EPOLLOUT) {
                what |= CURL_CSELECT_OUT;
        }
        if (events & (EPOLLERR | EPOLLHUP)) {
                what |= CURL_CSELECT_ERR;
        }
        watched->sockets->on_news(watched->fd, what, watched->sockets->userdata);
}

static struct watched *find_watched(struct curl_sockets *sockets, curl_socket_t fd)
{
        for (struct ring *at = ring_first(&sockets->all); at; at = ring_after(&sockets->all, at)) {
                struct watched *watched = container_of(at, struct watched, place);
                if (watched->fd == fd) {
                        return watched;
                }
        }
        return NULL;
}

static void forget_watched(struct watched *watched)
{
        nested_remove(&watched->nested);
        ring_remove(&watched->place);
        free(watched);
}

static struct watched *new_watched(struct curl_sockets *sockets, curl_socket_t fd)
{
        struct watched *watched = calloc(1, sizeof(*watched));

        if (watched) {
                watched->sockets = sockets;
                watched->fd = fd;
                ring_add_last(&sockets->all, &watched->place);
        }
        return watched;
}

/* libcurl does not watch it for now. A connection that did not come about it has closed already, without a
 * word. */
static void let_go(struct watched *watched)
{
        watched->wanted = false;
        if (watched->kept) {
                return;
        }
        watched->kept = fcntl(watched->fd, F_GETFD) >= 0;
        if (!watched->kept) {
                watched->sockets->gone = true;
                forget_watched(watched);
        }
}

void curl_sockets_watch(struct curl_sockets *sockets, curl_socket_t fd, int what)
{
        struct watched *watched = find_watched(sockets, fd);

        if (what == CURL_POLL_REMOVE) {
                if (watched) {
                        let_go(watched);
                }
                return;
        }
        uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
        if (!watched && !(watched = new_watched(sockets, fd))) {
                return;
        }
        watched->wanted = true;
        if (watched->nested.nest) {
                nested_want(&watched->nested, events);
        } else {
                (void)nest_add(sockets->nest, &watched->nested, fd, events, on_io);
        }
}

/* One of the same number was closed without a word. */
curl_socket_t curl_sockets_open(void *userdata, curlsocktype purpose, struct curl_sockaddr *address)
{
        int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
        struct watched *watched = fd >= 0 ? find_watched(userdata, fd) : NULL;

        if (watched) {
                forget_watched(watched);
        }
        return fd >= 0 ? fd : CURL_SOCKET_BAD;
}

/* It may belong to no transfer any more. */
int curl_sockets_close(void *userdata, curl_socket_t fd)
{
        struct curl_sockets *sockets = userdata;
        struct watched *watched = find_watched(sockets, fd);

        if (watched) {
                forget_watched(watched);
        }
        sockets->gone = true;
        return close(fd);
}

static int find_own_port(curl_socket_t fd)
{
        union {
                struct sockaddr any;
                struct sockaddr_in v4;
                struct sockaddr_in6 v6;
        } address = { 0 };
        socklen_t length = sizeof(address);

        if (getsockname(fd, &address.any, &length) < 0) {
                return 0;
        }
        return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

bool curl_sockets_have_news(struct curl_sockets *sockets, int own_port)
{
        for (struct ring *at = ring_first(&sockets->all); at; at = ring_after(&sockets->all, at)) {
                struct watched *watched = container_of(at, struct watched, place);
                char byte;

                if (watched->own_port == 0) {
                        watched->own_port = find_own_port(watched->fd);
                }
                if (watched->own_port == own_port &&
                    (recv(watched->fd, &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT) >= 0 ||
                     errno != EAGAIN)) {
                        return true;
                }
        }
        return false;
}

int curl_sockets_init(struct curl_sockets *sockets, sd_event *event,
                      void (*on_news)(curl_socket_t fd, int what, void *userdata), void *userdata)
{
        *sockets = (struct curl_sockets){ .on_news = on_news, .userdata = userdata };
        ring_init(&sockets->all);
        return nest_new(&sockets->nest, event, "upstream");
}

void curl_sockets_clear(struct curl_sockets *sockets)
{
        while (sockets->nest && !ring_is_empty(&sockets->all)) {
                forget_watched(container_of(ring_first(&sockets->all), struct watched, place));
        }
        sockets->nest = nest_free(sockets->nest);
}

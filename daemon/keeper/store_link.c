/* One connection to a store.
 *
 * libcurl connects (CURLOPT_CONNECT_ONLY), as to a web server of that host and port; from then on the bytes
 * are ours, and the socket is watched here. TLS may hold bytes that the socket shows no more, so it is read
 * until there is nothing. Never CURLOPT_FORBID_REUSE: with it, libcurl closes the socket at once. */
#include "daemon/keeper/store_link.h"

#include "daemon/base/timer.h"
#include "daemon/keeper/trust.h"
#include "lib/secret.h"
#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define PIECE_MAX 16384

struct store_link {
        sd_event *event;
        struct curl_loop *loop;
        struct store_link_user user;
        CURL *easy;
        char error_text[CURL_ERROR_SIZE];
        bool has_ca_file;
        char ca_obstacle[TRUST_OBSTACLE_MAX];
        sd_event_source *timer, *io;
        const char *out; /* NULL: nothing is to be sent */
        size_t n_out;
};

/* It may free the link. */
static void fail(struct store_link *link, enum store_link_fault fault, const char *why)
{
        link->io = sd_event_source_disable_unref(link->io);
        timer_stop(link->timer);
        link->user.on_fault(fault, why, link->user.userdata);
}

static void watch(struct store_link *link)
{
        (void)sd_event_source_set_io_events(link->io, link->out ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

/* Returns whether the link is in order still; else it may be gone. */
static bool send_rest(struct store_link *link)
{
        while (link->out) {
                size_t n = 0;
                CURLcode result = curl_easy_send(link->easy, link->out, link->n_out, &n);
                if (result == CURLE_AGAIN) {
                        break;
                }
                if (result != CURLE_OK) {
                        fail(link, STORE_LINK_CLOSED, "the connection broke off");
                        return false;
                }
                link->n_out -= MIN_OF(n, link->n_out);
                link->out = link->n_out > 0 ? link->out + n : NULL;
        }
        watch(link);
        return true;
}

static void receive(struct store_link *link)
{
        for (;;) {
                _cleanup_secret_ char *bytes = secret_alloc(PIECE_MAX);
                size_t n = 0;
                CURLcode result =
                        bytes ? curl_easy_recv(link->easy, bytes, PIECE_MAX, &n) : CURLE_OUT_OF_MEMORY;
                if (result == CURLE_AGAIN) {
                        return;
                }
                if (result != CURLE_OK || n == 0) {
                        fail(link, STORE_LINK_CLOSED,
                             result == CURLE_OK ? "it closed the connection" : "the connection broke off");
                        return;
                }
                if (!link->user.on_bytes(bytes, n, link->user.userdata)) {
                        return;
                }
        }
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        struct store_link *link = userdata;

        if ((events & EPOLLOUT) && !send_rest(link)) {
                return 0;
        }
        if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
                receive(link);
        }
        return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        fail(userdata, STORE_LINK_SILENT, "it did not answer in time");
        return 0;
}

/* ---- connecting ---- */

static void explain(struct store_link *link, CURLcode result)
{
        char detail[CURL_ERROR_SIZE], cure[96], why[STORE_LINK_WHY_MAX];
        enum store_link_fault fault = STORE_LINK_UNREACHABLE;

        (void)snprintf(detail, sizeof(detail), "%s",
                       result == CURLE_SSL_CACERT_BADFILE && link->ca_obstacle[0] ? link->ca_obstacle
                       : link->error_text[0]                                      ? link->error_text
                                             : curl_easy_strerror(result));
        trust_cure(link->easy, "store", link->has_ca_file, result, detail, cure, sizeof(cure));
        switch (result) {
        case CURLE_COULDNT_RESOLVE_HOST:
                (void)snprintf(cure, sizeof(cure), " (check DNS and store)");
                break;
        case CURLE_OPERATION_TIMEDOUT:
                fault = STORE_LINK_SILENT;
                break;
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_SSL_CONNECT_ERROR:
                fault = STORE_LINK_UNTRUSTED;
                break;
        default:
                break;
        }
        (void)snprintf(why, sizeof(why), "%.150s%s", detail, cure);
        fail(link, fault, why);
}

static void on_connected(CURLcode result, void *userdata)
{
        struct store_link *link = userdata;
        curl_socket_t fd = CURL_SOCKET_BAD;

        if (result != CURLE_OK) {
                explain(link, result);
                return;
        }
        if (curl_easy_getinfo(link->easy, CURLINFO_ACTIVESOCKET, &fd) != CURLE_OK || fd == CURL_SOCKET_BAD) {
                fail(link, STORE_LINK_CLOSED, "it closed the connection");
                return;
        }
        /* A descriptor of our own: libcurl may close its one, and the number be another's. */
        int own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (own < 0 || sd_event_add_io(link->event, &link->io, own, EPOLLIN, on_io, link) < 0) {
                if (own >= 0) {
                        (void)close(own);
                }
                fail(link, STORE_LINK_UNREACHABLE, "out of memory");
                return;
        }
        (void)sd_event_source_set_io_fd_own(link->io, true);
        (void)sd_event_source_set_description(link->io, "store");
        link->user.on_open(link->user.userdata);
}

static bool set_up(struct store_link *link, const struct store_address *address, const char *ca_file,
                   uint64_t timeout_usec)
{
        char url[sizeof("http") + STORE_ADDRESS_MAX];
        bool is_unix = address->kind == STORE_UNIX;
        CURL *easy = link->easy;

        (void)snprintf(url, sizeof(url), "http%s",
                       is_unix ? "://localhost" : address->text + strlen("redis"));
#define SET(option, value) (curl_easy_setopt(easy, (option), (value)) == CURLE_OK)
        return SET(CURLOPT_URL, url) && SET(CURLOPT_PROTOCOLS_STR, "http,https") &&
               SET(CURLOPT_CONNECT_ONLY, 1L) && trust_set_up(easy, ca_file, link->ca_obstacle) &&
               (!is_unix || SET(CURLOPT_UNIX_SOCKET_PATH, store_address_path(address))) &&
               SET(CURLOPT_PROXY, "") && SET(CURLOPT_NOPROXY, "*") && SET(CURLOPT_SSL_ENABLE_ALPN, 0L) &&
               SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) && SET(CURLOPT_FRESH_CONNECT, 1L) &&
               SET(CURLOPT_NOSIGNAL, 1L) && SET(CURLOPT_QUICK_EXIT, 1L) &&
               SET(CURLOPT_CONNECTTIMEOUT_MS, (long)(timeout_usec / USEC_PER_MSEC) + 1) &&
               SET(CURLOPT_ERRORBUFFER, link->error_text);
#undef SET
}

static void free_link(struct store_link **link)
{
        *link = store_link_free(*link);
}

int store_link_open(struct store_link **ret, sd_event *event, struct curl_loop *loop,
                    const struct store_address *address, const char *ca_file, uint64_t timeout_usec,
                    const struct store_link_user *user)
{
        _cleanup_(free_link) struct store_link *link = calloc(1, sizeof(*link));

        if (!link) {
                return -ENOMEM;
        }
        link->event = event;
        link->loop = loop;
        link->user = *user;
        link->has_ca_file = ca_file != NULL;
        link->easy = curl_easy_init();
        if (!link->easy || !set_up(link, address, ca_file, timeout_usec)) {
                return -ENOMEM;
        }
        int r = timer_new(&link->timer, event, CLOCK_MONOTONIC, on_timer, link, "store time-out");
        if (r < 0) {
                return r;
        }
        timer_start_in(link->timer, timeout_usec);
        r = curl_loop_add_connection(loop, link->easy, on_connected, link);
        if (r < 0) {
                return r;
        }
        *ret = take_ptr(link);
        return 0;
}

void store_link_send(struct store_link *link, const void *bytes, size_t size)
{
        link->out = size > 0 ? bytes : NULL;
        link->n_out = size;
        (void)send_rest(link);
}

struct store_link *store_link_free(struct store_link *link)
{
        if (link) {
                sd_event_source_disable_unref(link->io);
                sd_event_source_disable_unref(link->timer);
                if (link->easy) {
                        curl_loop_remove(link->loop, link->easy);
                        curl_easy_cleanup(link->easy);
                }
                free(link);
        }
        return NULL;
}

/* Transport: one easy handle of libcurl, kept between requests so that its connection is used again.
 *
 * libcurl is used with everything off that it does for the wide web: no proxy whatever the environment says,
 * no redirect, no other protocol than HTTP, no compression. What reads here is a peer on this machine, and
 * still not trusted to be eqp-brokerd. */
#include "client/transport.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include "client/port_owner.h"

#define CONNECT_TIMEOUT_MSEC 2000L
#define RETRY_AFTER_MAX_SEC  86400

struct transport {
        CURL *curl;
        struct curl_slist *get_headers;
        struct curl_slist *post_headers;
        bool unchecked; /* there may be a connection whose other end was not looked at */
        int owner_error;
        char owner_words[PORT_OWNER_WORDS_MAX];
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_ready = CURLE_FAILED_INIT;

/* Never undone: other parts of the program may use libcurl, too. */
static void init_curl(void)
{
        curl_ready = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static int add_header(struct curl_slist **headers, const char *line)
{
        struct curl_slist *longer;

        longer = curl_slist_append(*headers, line);
        if (!longer) {
                return -ENOMEM;
        }

        *headers = longer;
        return 0;
}

struct transport *transport_free(struct transport *transport)
{
        if (!transport) {
                return NULL;
        }

        curl_easy_cleanup(transport->curl);
        curl_slist_free_all(transport->get_headers);
        curl_slist_free_all(transport->post_headers);
        free(transport);
        return NULL;
}

static void transport_freep(struct transport **transport)
{
        *transport = transport_free(*transport);
}

int transport_new(struct transport **ret_transport, const char *client_name)
{
        _cleanup_(transport_freep) struct transport *transport = NULL;
        char client_line[128];
        int n;

        if (pthread_once(&curl_once, init_curl) != 0 || curl_ready != CURLE_OK) {
                return -ENOMEM;
        }

        n = snprintf(client_line, sizeof(client_line), "EQP-Client: %s", client_name);
        if (n < 0 || (size_t)n >= sizeof(client_line)) {
                return -EINVAL;
        }

        transport = calloc(1, sizeof(*transport));
        if (!transport) {
                return -ENOMEM;
        }

        transport->curl = curl_easy_init();
        if (!transport->curl || add_header(&transport->get_headers, client_line) < 0 ||
            add_header(&transport->get_headers, "Accept: application/json") < 0 ||
            add_header(&transport->post_headers, client_line) < 0 ||
            add_header(&transport->post_headers, "Accept: application/json") < 0 ||
            add_header(&transport->post_headers, "Content-Type: application/json") < 0) {
                return -ENOMEM;
        }

        *ret_transport = take_ptr(transport);
        return 0;
}

void answer_clear(struct answer *answer)
{
        body_clear(&answer->body);
        *answer = (struct answer){ .body = BODY_INIT(ANSWER_BODY_MAX) };
}

static size_t on_body(char *data, size_t size, size_t count, void *userdata)
{
        struct answer *answer = userdata;
        int r = body_append(&answer->body, data, size * count);

        answer->out_of_memory = r == -ENOMEM;
        return r < 0 ? 0 : size * count;
}

static int on_new_socket(void *userdata, curl_socket_t fd, curlsocktype purpose)
{
        struct transport *transport = userdata;

        transport->unchecked = true;
        return CURL_SOCKOPT_OK;
}

/* With a connection, and nothing sent yet. */
static int on_connected(void *userdata, char *server_address, char *own_address, int server_port,
                        int own_port)
{
        struct transport *transport = userdata;

        transport->owner_error = !transport->unchecked
                                         ? 0
                                         : port_owner_check(server_address, server_port, own_address,
                                                            own_port, transport->owner_words);
        if (transport->owner_error < 0) {
                return CURL_PREREQFUNC_ABORT;
        }

        transport->unchecked = false;
        return CURL_PREREQFUNC_OK;
}

static bool set_checks(struct transport *transport)
{
        return curl_easy_setopt(transport->curl, CURLOPT_SOCKOPTFUNCTION, on_new_socket) == CURLE_OK &&
               curl_easy_setopt(transport->curl, CURLOPT_SOCKOPTDATA, transport) == CURLE_OK &&
               curl_easy_setopt(transport->curl, CURLOPT_PREREQFUNCTION, on_connected) == CURLE_OK &&
               curl_easy_setopt(transport->curl, CURLOPT_PREREQDATA, transport) == CURLE_OK;
}

static bool set_limits(CURL *curl, const struct request *request)
{
        return curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http") == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_NOPROXY, "*") == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MSEC) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)request->timeout_sec) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_MAXFILESIZE, (long)ANSWER_BODY_MAX) == CURLE_OK;
}

static bool set_request(struct transport *transport, const struct address *address,
                        const struct request *request, const char *url, struct answer *answer)
{
        CURL *curl = transport->curl;
        bool is_post = request->post_body != NULL;

        curl_easy_reset(curl); /* keeps the connection */
        return set_limits(curl, request) && (!address->check_owner || set_checks(transport)) &&
               curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, address->unix_path) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_USERAGENT, "libeqp-broker/" EQP_BROKER_VERSION) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_HTTPHEADER,
                                is_post ? transport->post_headers : transport->get_headers) == CURLE_OK &&
               (!is_post || curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->post_body) == CURLE_OK) &&
               curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer) == CURLE_OK;
}

static int read_head(CURL *curl, struct answer *answer)
{
        static const char json[] = "application/json";
        const char *content_type = NULL;
        curl_off_t retry_after = 0;
        long status = 0;

        if (curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK ||
            curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &content_type) != CURLE_OK ||
            curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &retry_after) != CURLE_OK) {
                return -EPROTO;
        }
        if (status < 100 || status > 999) {
                return -EPROTO;
        }

        answer->status = (unsigned)status;
        answer->is_json = content_type && strncasecmp(content_type, json, strlen(json)) == 0 &&
                          strchr("; \t", content_type[strlen(json)]);
        if (retry_after > 0) {
                answer->retry_after_sec = (unsigned)MIN_OF(retry_after, (curl_off_t)RETRY_AFTER_MAX_SEC);
        }
        return 0;
}

static int connect_trouble(CURL *curl, const struct address *address, struct answer *answer,
                           struct trouble *trouble)
{
        long os_errno = 0;

        if (curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &os_errno) != CURLE_OK) {
                os_errno = 0;
        }
        /* None: not even a socket came about. */
        if (os_errno <= 0) {
                os_errno = address->unix_path ? EAFNOSUPPORT : ECONNREFUSED;
        }

        answer->connect_errno = (int)os_errno;
        if (os_errno == EACCES || os_errno == EPERM) {
                return trouble_set(trouble, -EACCES, "socket_refused",
                                   "The socket %s may not be opened: %s.", address->text,
                                   strerror((int)os_errno));
        }
        return trouble_set(trouble, -ECONNREFUSED, "no_daemon", "No eqp-brokerd answers at %s: %s.",
                           address->text, strerror((int)os_errno));
}

static int connection_lost(const struct address *address, struct trouble *trouble)
{
        return trouble_set(trouble, -ECONNRESET, "connection_lost",
                           "The connection to %s broke before the answer was complete.", address->text);
}

static int perform_once(struct transport *transport, const struct address *address,
                        const struct request *request, struct answer *answer, struct trouble *trouble)
{
        CURLcode code = curl_easy_perform(transport->curl);

        switch (code) {
        case CURLE_OK:
                if (read_head(transport->curl, answer) < 0) {
                        break;
                }
                return 0;
        case CURLE_OUT_OF_MEMORY:
                return trouble_oom(trouble);
        case CURLE_COULDNT_CONNECT:
        case CURLE_COULDNT_RESOLVE_HOST:
                return connect_trouble(transport->curl, address, answer, trouble);
        case CURLE_ABORTED_BY_CALLBACK:
                if (transport->owner_error == -ECONNRESET) {
                        return connection_lost(address, trouble);
                }
                return trouble_set(trouble, -ECONNREFUSED, "not_trusted",
                                   "What listens at %s %s. Nothing was sent to it.", address->text,
                                   transport->owner_words);
        case CURLE_OPERATION_TIMEDOUT:
                return trouble_set(trouble, -ETIMEDOUT, "timed_out",
                                   "No complete answer came from %s within %u s.", address->text,
                                   request->timeout_sec);
        case CURLE_SEND_ERROR:
        case CURLE_RECV_ERROR:
        case CURLE_GOT_NOTHING:
        case CURLE_PARTIAL_FILE:
                return connection_lost(address, trouble);
        case CURLE_WRITE_ERROR:
        case CURLE_FILESIZE_EXCEEDED:
                if (answer->out_of_memory) {
                        return trouble_oom(trouble);
                }
                return trouble_set(trouble, -EPROTO, "not_understood",
                                   "The answer from %s is longer than an eqp-brokerd would send.",
                                   address->text);
        default:
                break;
        }

        return trouble_set(trouble, -EPROTO, "not_understood",
                           "What answers at %s does not speak HTTP as an eqp-brokerd does.", address->text);
}

int transport_perform(struct transport *transport, const struct address *address,
                      const struct request *request, struct answer *answer, struct trouble *trouble)
{
        char url[ADDRESS_TEXT_MAX + 256];
        int n, r;

        *answer = (struct answer){ .body = BODY_INIT(ANSWER_BODY_MAX) };

        n = snprintf(url, sizeof(url), "%s%s", address->url, request->path);
        if (n < 0 || (size_t)n >= sizeof(url)) {
                return trouble_set(trouble, -EINVAL, "bad_argument", "The request is too long.");
        }
        if (!set_request(transport, address, request, url, answer)) {
                return trouble_oom(trouble);
        }

        r = perform_once(transport, address, request, answer, trouble);
        if (r == -ECONNRESET && !request->post_body) {
                answer_clear(answer);
                trouble_clear(trouble);
                r = perform_once(transport, address, request, answer, trouble);
        }

        return r;
}

/* An environment's upstream: where a transfer goes, and whom it trusts.
 *
 * No name is looked up here, no file is read, and the environment's variables are not asked: addresses and
 * authorities came from the keeper, and whatever libcurl would find by itself is set. */
#include "daemon/forwarder/upstream.h"

#include "daemon/forwarder/authorities.h"
#include "lib/util.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <strings.h>

#define CONNECT_TIMEOUT_USEC (10 * USEC_PER_SEC)

struct upstream_way {
        char origin[BASE_URL_MAX + 2]; /* "https://host[:port]/" */
        char proxy[CARRIER_PROXY_MAX + 1];
        struct curl_slist *addresses; /* of the host that is connected to: for CURLOPT_RESOLVE */
        struct authorities *authorities;
        struct curl_blob pem, proxy_pem; /* where authorities cannot be had as a store */
        long connect_timeout_msec;
};

/* ---- what is told ---- */

static bool has_end(const char *text, size_t size)
{
        return memchr(text, '\0', size) != NULL;
}

static bool is_address(const char *text)
{
        unsigned char bytes[sizeof(struct in6_addr)];

        return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

static bool makes_sense(const struct carrier_upstream *told)
{
        if (!has_end(told->environment, sizeof(told->environment)) ||
            !environment_name_valid(told->environment, strlen(told->environment)) ||
            !has_end(told->base_url, sizeof(told->base_url)) ||
            strncmp(told->base_url, "https://", strlen("https://")) != 0 ||
            !has_end(told->proxy, sizeof(told->proxy)) || told->n > CARRIER_ADDRESSES_MAX ||
            told->authorities_length > CARRIER_AUTHORITIES_MAX ||
            told->proxy_authorities_length > CARRIER_AUTHORITIES_MAX) {
                return false;
        }
        for (size_t i = 0; i < told->n; i++) {
                if (!has_end(told->addresses[i], sizeof(told->addresses[i])) ||
                    !is_address(told->addresses[i])) {
                        return false;
                }
        }
        return true;
}

/* ---- where to ---- */

static void free_text(char **text)
{
        curl_free(*text);
}

static void free_url(CURLU **url)
{
        curl_url_cleanup(*url);
}

/* Host and port of a URL. -EINVAL: it has none. -ENOMEM. */
static int find_host(const char *text, char *ret_host, size_t size, unsigned *ret_port)
{
        _cleanup_(free_url) CURLU *url = curl_url();
        _cleanup_(free_text) char *host = NULL, *port = NULL;

        if (!url) {
                return -ENOMEM;
        }
        if (curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK ||
            curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
            curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK ||
            strlen(host) >= size) {
                return -EINVAL;
        }
        (void)snprintf(ret_host, size, "%s", host);
        *ret_port = (unsigned)strtoul(port, NULL, 10);
        return 0;
}

/* "host:port:address,address,...": so libcurl never asks for the host's name. */
static int take_addresses(struct upstream *upstream, const struct carrier_upstream *told)
{
        const char *through = *told->proxy ? told->proxy : told->base_url;
        char host[CARRIER_PROXY_MAX + 1];
        char text[sizeof(host) + 8 + CARRIER_ADDRESSES_MAX * (CARRIER_ADDRESS_MAX + 3)];
        unsigned port;

        int r = find_host(through, host, sizeof(host), &port);
        if (r < 0) {
                return r;
        }
        if (is_address(host) || *host == '[') {
                return 0;
        }
        if (told->n == 0) {
                upstream->obstacle = "the addresses of its host are not known";
                return 0;
        }
        int length = snprintf(text, sizeof(text), "%s:%u:", host, port);
        for (size_t i = 0; i < told->n; i++) {
                bool v6 = strchr(told->addresses[i], ':') != NULL;
                length += snprintf(text + length, sizeof(text) - (size_t)length, "%s%s%s%s",
                                   i > 0 ? "," : "", v6 ? "[" : "", told->addresses[i], v6 ? "]" : "");
        }
        upstream->way->addresses = curl_slist_append(NULL, text);
        return upstream->way->addresses ? 0 : -ENOMEM;
}

/* Returns how long the origin is. */
static int take_base_url(struct upstream *upstream, const char *base_url)
{
        const char *host = base_url + strlen("https://");
        size_t origin = strlen("https://") + strcspn(host, "/");

        (void)snprintf(upstream->base_url, sizeof(upstream->base_url), "%s", base_url);
        upstream->path = upstream->base_url + origin;
        return (int)origin;
}

/* ---- whom to trust ---- */

static int copy_blob(struct curl_blob *ret, const void *bytes, size_t length)
{
        if (!bytes || length == 0) {
                return 0;
        }
        ret->data = malloc(length);
        if (!ret->data) {
                return -ENOMEM;
        }
        memcpy(ret->data, bytes, length);
        ret->len = length;
        ret->flags = CURL_BLOB_NOCOPY;
        return 0;
}

/* With GnuTLS libcurl cannot be given them as bytes, and there is no file here. */
static bool takes_bytes(const struct curl_blob *pem)
{
        CURL *easy = curl_easy_init();
        bool taken = easy && curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, pem) == CURLE_OK;

        curl_easy_cleanup(easy);
        return taken;
}

static int take_authorities(struct upstream *upstream, const struct carrier_upstream *told,
                            struct ring *known)
{
        struct upstream_way *way = upstream->way;
        bool tls_proxy = strncasecmp(told->proxy, "https:", strlen("https:")) == 0;
        int r = -ENOTSUP;

        if (!told->authorities || told->authorities_length == 0) {
                upstream->obstacle = "no certificate authorities are known that could vouch for it";
                return 0;
        }
        /* One store would be that of the proxy's connection as well. */
        if (!tls_proxy) {
                r = authorities_get(&way->authorities, known, told->authorities, told->authorities_length);
        }
        if (r == -EINVAL) {
                upstream->obstacle = "the certificate authorities that could vouch for it make no sense";
                return 0;
        }
        if (r != -ENOTSUP) {
                return r;
        }
        r = copy_blob(&way->pem, told->authorities, told->authorities_length);
        if (r == 0 && !takes_bytes(&way->pem)) {
                upstream->obstacle = "this build of libcurl cannot be given certificate authorities: "
                                     "install the one that uses OpenSSL";
        }
        return r < 0 ? r
                     : copy_blob(&way->proxy_pem, told->proxy_authorities, told->proxy_authorities_length);
}

static bool set_up_trust(const struct upstream_way *way, CURL *easy)
{
#define SET(option, value) (curl_easy_setopt(easy, (option), (value)) == CURLE_OK)
        /* In place of the directory that libcurl was built with; NULL is what resets the option. */
        bool done = SET(CURLOPT_SSL_VERIFYPEER, 1L) && SET(CURLOPT_SSL_VERIFYHOST, 2L) &&
                    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
                    SET(CURLOPT_CAPATH, "/dev/null") && SET(CURLOPT_CAINFO, NULL) &&
                    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) && SET(CURLOPT_PROXY, way->proxy);
        if (done && *way->proxy) {
                done = SET(CURLOPT_NOPROXY, "") && SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) &&
                       SET(CURLOPT_PROXYAUTH, CURLAUTH_BASIC) && SET(CURLOPT_SOCKS5_AUTH, CURLAUTH_BASIC) &&
                       SET(CURLOPT_PROXY_SSL_VERIFYPEER, 1L) && SET(CURLOPT_PROXY_SSL_VERIFYHOST, 2L) &&
                       SET(CURLOPT_PROXY_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
                       SET(CURLOPT_PROXY_CAPATH, "/dev/null") && SET(CURLOPT_PROXY_CAINFO, NULL) &&
                       (!way->proxy_pem.data || SET(CURLOPT_PROXY_CAINFO_BLOB, &way->proxy_pem));
        }
        if (way->authorities) {
                return done && authorities_set_up(way->authorities, easy);
        }
        return done && SET(CURLOPT_CAINFO_BLOB, &way->pem);
#undef SET
}

bool upstream_trusts_alike(const struct upstream *a, const struct upstream *b)
{
        return a->way && b->way && a->way->authorities && a->way->authorities == b->way->authorities;
}

bool upstream_set_up(const struct upstream *upstream, CURL *easy)
{
        const struct upstream_way *way = upstream->way;

#define SET(option, value) (curl_easy_setopt(easy, (option), (value)) == CURLE_OK)
        return SET(CURLOPT_URL, way->origin) && SET(CURLOPT_PROTOCOLS_STR, "https") &&
               SET(CURLOPT_FOLLOWLOCATION, 0L) && SET(CURLOPT_PATH_AS_IS, 1L) &&
               SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) && SET(CURLOPT_NOSIGNAL, 1L) &&
               SET(CURLOPT_QUICK_EXIT, 1L) && SET(CURLOPT_TCP_NODELAY, 1L) &&
               SET(CURLOPT_CONNECTTIMEOUT_MS, way->connect_timeout_msec) &&
               (upstream->reached || !way->addresses || SET(CURLOPT_RESOLVE, way->addresses)) &&
               set_up_trust(way, easy);
#undef SET
}

/* ---- life ---- */

static void free_way(struct upstream_way *way)
{
        if (way) {
                explicit_bzero(way->proxy, sizeof(way->proxy));
                curl_slist_free_all(way->addresses);
                authorities_unref(way->authorities);
                free(way->pem.data);
                free(way->proxy_pem.data);
                free(way);
        }
}

int upstream_new(struct upstream **ret, const struct carrier_upstream *told, struct ring *authorities)
{
        if (!makes_sense(told)) {
                return -EINVAL;
        }
        struct upstream *upstream = calloc(1, sizeof(*upstream));
        if (!upstream) {
                return -ENOMEM;
        }
        upstream->n_references = 1;
        upstream->way = calloc(1, sizeof(*upstream->way));
        int r = upstream->way ? take_addresses(upstream, told) : -ENOMEM;
        if (r == 0) {
                r = take_authorities(upstream, told, authorities);
        }
        if (r < 0) {
                (void)upstream_unref(upstream);
                return r;
        }
        int origin = take_base_url(upstream, told->base_url);
        (void)snprintf(upstream->way->origin, sizeof(upstream->way->origin), "%.*s/", origin,
                       told->base_url);
        memcpy(upstream->environment, told->environment, sizeof(upstream->environment));
        memcpy(upstream->way->proxy, told->proxy, sizeof(upstream->way->proxy));
        upstream->way->connect_timeout_msec =
                (long)((told->connect_timeout_usec ? told->connect_timeout_usec : CONNECT_TIMEOUT_USEC) /
                       USEC_PER_MSEC);
        upstream->answer_timeout_usec = told->answer_timeout_usec;
        *ret = upstream;
        return 0;
}

int upstream_new_awaited(struct upstream **ret, const char *environment, const char *base_url)
{
        struct upstream *upstream = calloc(1, sizeof(*upstream));

        if (!upstream) {
                return -ENOMEM;
        }
        upstream->n_references = 1;
        upstream->awaited = true;
        (void)snprintf(upstream->environment, sizeof(upstream->environment), "%s", environment);
        (void)take_base_url(upstream, base_url);
        *ret = upstream;
        return 0;
}

struct upstream *upstream_ref(struct upstream *upstream)
{
        upstream->n_references++;
        return upstream;
}

struct upstream *upstream_unref(struct upstream *upstream)
{
        if (upstream) {
                assert(upstream->n_references > 0);
                if (--upstream->n_references == 0) {
                        free_way(upstream->way);
                        free(upstream);
                }
        }
        return NULL;
}

/* Through which proxy an https request goes.
 *
 * As libcurl does it (lib/noproxy.c there): no_proxy is a list of hosts, parted by commas or blanks; one
 * stands for itself and all below it, with a dot at its beginning or without; an address may have a number
 * of bits behind a slash; "*" alone is everything. */
#include "lib/proxy_choice.h"

#include "lib/util.h"

#include <arpa/inet.h>
#include <errno.h>
#include <strings.h>

#define BLANKS    " \t"
#define TOKEN_MAX 300

/* ---- who goes without ---- */

static bool has_prefix(const unsigned char *a, const unsigned char *b, unsigned bits)
{
        if (memcmp(a, b, bits / 8) != 0) {
                return false;
        }
        return bits % 8 == 0 || ((a[bits / 8] ^ b[bits / 8]) >> (8 - bits % 8)) == 0;
}

/* token: an address, with bits or without. */
static bool is_in_network(int family, const unsigned char *address, char *token)
{
        unsigned char network[sizeof(struct in6_addr)];
        unsigned all = family == AF_INET ? 32 : 128, bits = all;
        char *slash = strchr(token, '/');

        if (slash) {
                char *end;
                *slash = '\0';
                unsigned long number = strtoul(slash + 1, &end, 10);
                if (*end || end == slash + 1 || number > all) {
                        return false;
                }
                bits = number == 0 ? all : (unsigned)number; /* libcurl takes 0 for no number */
        }
        return inet_pton(family, token, network) == 1 && has_prefix(address, network, bits);
}

static bool is_below(const char *host, size_t length, const char *token)
{
        size_t n;

        token += *token == '.';
        n = strlen(token);
        if (n > 0 && token[n - 1] == '.') {
                n--;
        }
        if (n == 0 || n > length || strncasecmp(host + length - n, token, n) != 0) {
                return false;
        }
        return n == length || host[length - n - 1] == '.';
}

static bool fits(const char *host, char *token)
{
        unsigned char address[sizeof(struct in6_addr)];
        size_t length = strlen(host);

        if (inet_pton(AF_INET, host, address) == 1) {
                return is_in_network(AF_INET, address, token);
        }
        if (inet_pton(AF_INET6, host, address) == 1) {
                return is_in_network(AF_INET6, address, token);
        }
        if (length > 0 && host[length - 1] == '.') {
                length--;
        }
        return is_below(host, length, token);
}

static bool is_without(const char *host, const char *list)
{
        char token[TOKEN_MAX];

        if (streq(list, "*")) {
                return true;
        }
        while (*list) {
                list += strspn(list, BLANKS ",");
                size_t n = strcspn(list, BLANKS ",");
                if (n > 0 && n < sizeof(token)) {
                        memcpy(token, list, n);
                        token[n] = '\0';
                        if (fits(host, token)) {
                                return true;
                        }
                }
                list += n;
        }
        return false;
}

static bool is_set(const char *word)
{
        return word && *word;
}

const char *proxy_choose(const char *host, const struct proxy_words *words)
{
        const char *proxy = is_set(words->https_proxy) ? words->https_proxy : words->all_proxy;

        if (!is_set(proxy) || (is_set(words->no_proxy) && is_without(host, words->no_proxy))) {
                return NULL;
        }
        return proxy;
}

/* ---- what a proxy is ---- */

static int read_scheme(const char **text, struct proxy *ret)
{
        /* With the plain forms of socks libcurl would look up names here. */
        static const struct {
                const char *written, *scheme;
                uint16_t port;
        } rows[] = { { "http", "http", 1080 },       { "https", "https", 443 },
                     { "socks5h", "socks5h", 1080 }, { "socks5", "socks5h", 1080 },
                     { "socks4a", "socks4a", 1080 }, { "socks4", "socks4a", 1080 },
                     { "socks", "socks4a", 1080 } };
        const char *end = strstr(*text, "://");
        const char *scheme = end ? *text : rows[0].written;
        size_t n = end ? (size_t)(end - *text) : strlen(scheme);

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                if (strlen(rows[i].written) == n && strncasecmp(rows[i].written, scheme, n) == 0) {
                        ret->scheme = rows[i].scheme;
                        ret->port = rows[i].port;
                        *text = end ? end + strlen("://") : *text;
                        return 0;
                }
        }
        return -EINVAL;
}

static int read_port(const char *text, size_t length, uint16_t *ret)
{
        unsigned port = 0;

        if (length == 0 || length > 5) {
                return -EINVAL;
        }
        for (size_t i = 0; i < length; i++) {
                if (text[i] < '0' || text[i] > '9') {
                        return -EINVAL;
                }
                port = port * 10 + (unsigned)(text[i] - '0');
        }
        if (port == 0 || port > UINT16_MAX) {
                return -EINVAL;
        }
        *ret = (uint16_t)port;
        return 0;
}

/* HOST[:PORT], [ADDRESS][:PORT] */
static int read_host(const char *text, size_t length, struct proxy *ret)
{
        bool bracket = length > 0 && text[0] == '[';
        const char *end = bracket ? memchr(text, ']', length) : memchr(text, ':', length);
        size_t n = end ? (size_t)(end - text) : length;

        if (bracket && !end) {
                return -EINVAL;
        }
        const char *first = text + bracket;
        size_t host_length = n - bracket;
        if (host_length == 0 || host_length > PROXY_HOST_MAX) {
                return -EINVAL;
        }
        size_t at = n + bracket; /* behind the bracket */
        if (at < length) {
                int r = text[at] == ':' ? read_port(text + at + 1, length - at - 1, &ret->port) : -EINVAL;
                if (r < 0) {
                        return r;
                }
        }
        memcpy(ret->host, first, host_length);
        ret->host[host_length] = '\0';
        return 0;
}

int proxy_parse(const char *text, struct proxy *ret)
{
        int r = read_scheme(&text, ret);

        if (r < 0) {
                return r;
        }
        size_t length = strcspn(text, "/?#");
        const char *at = memrchr(text, '@', length);
        ret->login = text;
        ret->login_length = at ? (size_t)(at - text) + 1 : 0;
        return read_host(text + ret->login_length, length - ret->login_length, ret);
}

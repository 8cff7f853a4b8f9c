/* The base URL of an environment's upstream.
 *
 * The key goes to whatever stands here, so it is read narrowly: https only, a host, perhaps a port and a
 * path, of harmless characters. Hosts that people are known to mix up with the API's are told apart here,
 * with the cure, since the portal would answer a token request with a web page, and the old hosts in ways
 * that nobody knows. */
#include "lib/base_url.h"

#include "lib/util.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <strings.h>

#define SCHEME "https://"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS  "0123456789"

static int refuse(char *reterr_why, size_t size, const char *why)
{
        (void)snprintf(reterr_why, size, "%s", why);
        return -EINVAL;
}

static int check_scheme(const char *text, char *reterr_why, size_t size)
{
        if (strncasecmp(text, SCHEME, strlen(SCHEME)) == 0) {
                return 0;
        }
        if (strncasecmp(text, "http://", strlen("http://")) == 0) {
                return refuse(reterr_why, size,
                              "http would send the key in clear over the network: write https://HOST");
        }
        return refuse(reterr_why, size, "it is not an https URL: write https://HOST");
}

/* Labels of letters, digits and hyphens, with a dot between two. */
static bool is_host_name(const char *host)
{
        size_t length = strlen(host);

        if (length < 1 || length > 253 || strspn(host, LETTERS DIGITS "-.") != length) {
                return false;
        }
        for (const char *label = host;;) {
                size_t n = strcspn(label, ".");

                if (n < 1 || n > 63 || label[0] == '-' || label[n - 1] == '-') {
                        return false;
                }
                if (label[n] == '\0') {
                        return true;
                }
                label += n + 1;
        }
}

static bool is_ipv6_literal(const char *host)
{
        struct in6_addr address;
        char inner[INET6_ADDRSTRLEN];
        size_t length = strlen(host);

        if (length < 4 || length - 2 >= sizeof(inner) || host[0] != '[' || host[length - 1] != ']') {
                return false;
        }
        memcpy(inner, host + 1, length - 2);
        inner[length - 2] = '\0';
        return inet_pton(AF_INET6, inner, &address) == 1;
}

static bool is_port(const char *port)
{
        size_t length = strlen(port);

        return length >= 1 && length <= 5 && strspn(port, DIGITS) == length && port[0] != '0' &&
               atol(port) <= UINT16_MAX;
}

static int check_mixed_up(const char *host, char *reterr_why, size_t size)
{
        static const char portal[] = "the portal where keys are made", old[] = "an old host of the API";
        static const struct {
                const char *host, *what, *cure;
        } rows[] = {
                { "commercedeveloper.adobe.com", portal, BASE_URL_PRODUCTION },
                { "commercedeveloper-sandbox.adobe.com", portal, BASE_URL_SANDBOX },
                { "developer-api.magento.com", old, BASE_URL_PRODUCTION },
                { "developer-stg-api.magento.com", old, BASE_URL_SANDBOX },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                if (strcasecmp(host, rows[i].host) == 0) {
                        (void)snprintf(reterr_why, size, "%s is %s: write %s", rows[i].host, rows[i].what,
                                       rows[i].cure);
                        return -EINVAL;
                }
        }
        return 0;
}

/* The part between "https://" and the path. */
static int check_authority(const char *text, size_t length, char *reterr_why, size_t size)
{
        char host[BASE_URL_MAX + 1];
        const char *bracket;
        char *port;

        if (memchr(text, '@', length)) {
                return refuse(reterr_why, size,
                              "it has user information before the host: keys belong into key files");
        }
        memcpy(host, text, length);
        host[length] = '\0';

        /* The colons of an IPv6 literal stand before its bracket. */
        bracket = host[0] == '[' ? strchr(host, ']') : NULL;
        port = strchr(bracket ? bracket : host, ':');
        if (port) {
                *port++ = '\0';
        }
        if (host[0] == '\0') {
                return refuse(reterr_why, size, "the host is missing: write https://HOST");
        }
        if (port && !is_port(port)) {
                return refuse(reterr_why, size, "the port is not a number from 1 to 65535");
        }
        if (!is_host_name(host) && !is_ipv6_literal(host)) {
                return refuse(reterr_why, size,
                              "the host is neither a host name nor an address: write https://HOST");
        }
        return check_mixed_up(host, reterr_why, size);
}

/* "" or "/segment/segment"; the slash at the end is gone already. */
static int check_path(const char *path, size_t length, char *reterr_why, size_t size)
{
        static const char tail[] = "/rest/v1";

        for (size_t i = 0; i < length; i++) {
                size_t segment = 0;

                if (path[i] != '/') {
                        continue;
                }
                while (i + 1 + segment < length && path[i + 1 + segment] != '/') {
                        segment++;
                }
                if (segment == 0 || strspn(path + i + 1, LETTERS DIGITS "._~-") < segment) {
                        return refuse(reterr_why, size,
                                      "the path may have segments of letters, digits and . _ ~ - only");
                }
                if ((segment == 1 && path[i + 1] == '.') ||
                    (segment == 2 && memcmp(path + i + 1, "..", 2) == 0)) {
                        return refuse(reterr_why, size, "the path has a . or .. in it: write it without");
                }
        }
        if (length >= strlen(tail) && memcmp(path + length - strlen(tail), tail, strlen(tail)) == 0) {
                return refuse(reterr_why, size,
                              "every request path begins with /rest/v1 already: leave it out here");
        }
        return 0;
}

/* The port that https has anyway: with it and without it is the same upstream. */
static void drop_usual_port(char *url, size_t host_end)
{
        static const char port[] = ":443";
        const size_t length = strlen(port);

        if (memcmp(url + host_end - length, port, length) == 0) {
                memmove(url + host_end - length, url + host_end, strlen(url + host_end) + 1);
        }
}

int base_url_parse(const char *text, char **ret, char *reterr_why, size_t size)
{
        _cleanup_free_ char *url = NULL;
        size_t length = strlen(text), authority, host_end;
        int r;

        r = check_scheme(text, reterr_why, size);
        if (r < 0) {
                return r;
        }
        if (strpbrk(text, "?#")) {
                return refuse(reterr_why, size,
                              "it has a query or a fragment: write https://HOST[:PORT][/PATH]");
        }
        if (length > BASE_URL_MAX) {
                return refuse(reterr_why, size, "it is over 160 characters long");
        }
        if (length > strlen(SCHEME) && text[length - 1] == '/') {
                length--;
        }

        authority = strcspn(text + strlen(SCHEME), "/");
        host_end = strlen(SCHEME) + authority;
        r = check_authority(text + strlen(SCHEME), authority, reterr_why, size);
        if (r < 0) {
                return r;
        }
        r = check_path(text + host_end, length - host_end, reterr_why, size);
        if (r < 0) {
                return r;
        }

        url = strndup(text, length);
        if (!url) {
                return -ENOMEM;
        }
        for (size_t i = 0; i < host_end; i++) {
                if (url[i] >= 'A' && url[i] <= 'Z') {
                        url[i] = (char)(url[i] - 'A' + 'a');
                }
        }
        drop_usual_port(url, host_end);
        *ret = take_ptr(url);
        return 0;
}

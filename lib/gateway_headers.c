/* The headers of a request and of its answer on their way through the gateway. */
#include "lib/gateway_headers.h"

#include "lib/echo.h"
#include "lib/util.h"

#include <stdio.h>
#include <strings.h>

/* RFC 9110, section 7.6.1, and what came before it. */
static const char *const one_hop[] = {
        "Connection",
        "Keep-Alive",
        "Proxy-Connection",
        "Proxy-Authenticate",
        "Proxy-Authorization",
        "TE",
        "Trailer",
        "Upgrade",
        "HTTP2-Settings",
        "Transfer-Encoding",
        "Content-Length",
        "Proxy-Authentication-Info",
};
static const char *const not_in[] = {
        "Host", "Authorization", "Expect", "Cookie", "Cookie2", "Via", "Forwarded", "EQP-Client",
};
static const char *const not_out[] = {
        "Set-Cookie", "Set-Cookie2",         "Alt-Svc",
        "EQP-Error",  "Timing-Allow-Origin", "Strict-Transport-Security",
        "Via",        "Clear-Site-Data",     "X-Content-Type-Options",
};
/* By the last three some frameworks take a request for one of another path. */
static const char *const overrides[] = { "X-HTTP-Method",  "X-HTTP-Method-Override", "X-Method-Override",
                                         "X-Original-URL", "X-Rewrite-URL",          "X-Original-URI" };
static const char *const urls[] = { "Location", "Content-Location" };

/* ---- names ---- */

/* Servers that make variables of headers write an underscore for other characters than letters and digits,
 * too. */
static char plain(char c)
{
        if (c >= 'A' && c <= 'Z') {
                return (char)(c + 'a' - 'A');
        }
        return c == '\0' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ? c : '-';
}

/* Does the name begin with this prefix? Returns what follows it; NULL: it does not. */
static const char *behind(const char *name, const char *prefix)
{
        for (; *prefix != '\0'; name++, prefix++) {
                if (plain(*name) != plain(*prefix)) {
                        return NULL;
                }
        }
        return name;
}

static bool same_name(const char *a, const char *b)
{
        const char *rest = behind(a, b);

        return rest && *rest == '\0';
}

static bool is_among(const char *name, const char *const *names, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                if (same_name(name, names[i])) {
                        return true;
                }
        }
        return false;
}

/* ---- Connection ---- */

void gateway_connection_note(struct gateway_connection *connection, const char *name, const char *value)
{
        if (!same_name(name, "Connection") || !value) {
                return;
        }
        if (connection->n == GATEWAY_CONNECTION_MAX) {
                connection->too_many = true;
                return;
        }
        connection->values[connection->n++] = value;
}

/* Is the option, of this length, in the list? */
static bool list_has(const char *list, const char *option, size_t length)
{
        while (*list != '\0') {
                list += strspn(list, " \t,");
                size_t n = strcspn(list, " \t,");
                bool same = n == length && length > 0;
                for (size_t i = 0; same && i < n; i++) {
                        same = plain(list[i]) == plain(option[i]);
                }
                if (same) {
                        return true;
                }
                list += n;
        }
        return false;
}

bool gateway_connection_has(const struct gateway_connection *connection, const char *option)
{
        for (size_t i = 0; i < connection->n; i++) {
                if (list_has(connection->values[i], option, strlen(option))) {
                        return true;
                }
        }
        return false;
}

/* ---- which go on ---- */

bool gateway_header_goes_in(const char *name, const struct gateway_connection *connection)
{
        return !is_among(name, one_hop, ARRAY_SIZE(one_hop)) &&
               !is_among(name, not_in, ARRAY_SIZE(not_in)) && !behind(name, "X-Forwarded-") &&
               !gateway_header_overrides_method(name) && !gateway_connection_has(connection, name);
}

bool gateway_header_goes_out(const char *name, const struct gateway_connection *connection)
{
        return !is_among(name, one_hop, ARRAY_SIZE(one_hop)) &&
               !is_among(name, not_out, ARRAY_SIZE(not_out)) && !behind(name, "Access-Control-") &&
               !gateway_connection_has(connection, name);
}

bool gateway_header_overrides_method(const char *name)
{
        return is_among(name, overrides, ARRAY_SIZE(overrides));
}

/* Java's client asks for "h2c" with each request, and goes on without. */
bool gateway_upgrade_matters(const char *value)
{
        while (*value != '\0') {
                value += strspn(value, " \t,");
                size_t n = strcspn(value, " \t,");
                if (n > 0 && !(n == 3 && strncasecmp(value, "h2c", n) == 0) &&
                    !(n >= 5 && strncasecmp(value, "HTTP/", 5) == 0)) {
                        return true;
                }
                value += n;
        }
        return false;
}

/* ---- places ---- */

/* Is this the end of a URL's authority? */
static bool ends_authority(char c)
{
        return c == '/' || c == '?' || c == '#' || c == '\0' || c == '>';
}

/* The part behind the base URL, if the URL is below it; NULL: it is not. The scheme's own port may be told.
 */
static const char *below_base(const char *url, const char *base_url)
{
        static const char scheme[] = "https://";
        const char *host = base_url + strlen(scheme);
        size_t length = strcspn(host, "/");

        if (strncasecmp(base_url, scheme, strlen(scheme)) != 0 ||
            strncasecmp(url, scheme, strlen(scheme)) != 0 ||
            strncasecmp(url + strlen(scheme), host, length) != 0) {
                return NULL;
        }
        const char *rest = url + strlen(scheme) + length;
        if (strncmp(rest, ":443", 4) == 0 && ends_authority(rest[4])) {
                rest += 4;
        }
        if (!ends_authority(*rest)) {
                return NULL;
        }
        const char *path = host + length;
        if (strncmp(rest, path, strlen(path)) != 0 || !ends_authority(rest[strlen(path)])) {
                return NULL;
        }
        return rest + strlen(path);
}

/* The same of an absolute path, which is of the base URL's host. */
static const char *below_base_path(const char *url, const char *base_url)
{
        static const char scheme[] = "https://";

        if (url[0] != '/' || url[1] == '/' || strncasecmp(base_url, scheme, strlen(scheme)) != 0) {
                return NULL;
        }
        const char *host = base_url + strlen(scheme), *path = host + strcspn(host, "/");
        return strncmp(url, path, strlen(path)) == 0 && ends_authority(url[strlen(path)])
                       ? url + strlen(path)
                       : NULL;
}

/* Text under construction. */
struct text {
        char *at;
        size_t left; /* with the NUL; 0: it was too small */
        size_t n;
};

static void add(struct text *text, const char *bytes, size_t n)
{
        if (n >= text->left) {
                text->left = 0;
                return;
        }
        memcpy(text->at, bytes, n);
        text->at += n;
        text->left -= n;
        text->n += n;
        *text->at = '\0';
}

static void add_url(struct text *text, const char *url, size_t length, const struct gateway_places *places)
{
        const char *rest = below_base(url, places->base_url);

        if (!rest) {
                rest = below_base_path(url, places->base_url);
        }
        if (!rest || rest > url + length) {
                add(text, url, length);
                return;
        }
        if (places->host) {
                add(text, "http://", strlen("http://"));
                add(text, places->host, strlen(places->host));
        }
        add(text, "/", 1);
        add(text, places->environment, strlen(places->environment));
        add(text, rest, length - (size_t)(rest - url));
}

/* RFC 8288: each target stands between '<' and '>'. */
static void add_links(struct text *text, const char *value, const struct gateway_places *places)
{
        while (*value != '\0') {
                size_t before = strcspn(value, "<");
                if (value[before] == '<') {
                        before++;
                }
                add(text, value, before);
                value += before;
                size_t url = strcspn(value, ">");
                if (before > 0 && value[-1] == '<') {
                        add_url(text, value, url, places);
                        value += url;
                }
        }
}

int gateway_header_rewrite(const char *name, const char *value, const struct gateway_places *places,
                           char *ret, size_t size)
{
        struct text text = { .at = ret, .left = size };

        add(&text, "", 0);
        if (is_among(name, urls, ARRAY_SIZE(urls))) {
                add_url(&text, value, strlen(value), places);
        } else if (same_name(name, "Link")) {
                add_links(&text, value, places);
        } else {
                add(&text, value, strlen(value));
        }
        return text.left == 0 ? -ENOBUFS : (int)text.n;
}

/* ---- secrets ---- */

bool gateway_cover(char *bytes, size_t length, const char *secret)
{
        bool found = false;

        for (size_t at = 0; at < length;) {
                size_t n = echo_length(bytes + at, length - at, secret);
                memset(bytes + at, '*', n);
                found = found || n > 0;
                at += MAX_OF(n, (size_t)1);
        }
        return found;
}

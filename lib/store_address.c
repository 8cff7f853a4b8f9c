/* Where a store is. Host and port are those of a base URL, and are checked there. */
#include "lib/store_address.h"

#include "lib/base_url.h"
#include "lib/util.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>

#define UNIX_SCHEME   "unix:"
#define UNIX_PATH_MAX 107 /* the room of a socket's address */

#define CURE "write redis://HOST[:PORT], rediss://HOST[:PORT] or unix:/PATH"

static int refuse(char *reterr_why, size_t size, const char *why)
{
        (void)snprintf(reterr_why, size, "%s", why);
        return -EINVAL;
}

static int parse_path(const char *path, struct store_address *ret, char *reterr_why, size_t size)
{
        if (path[0] == '/' && path[1] == '/') {
                path += strspn(path, "/") - 1; /* unix:///path is meant well */
        }
        if (path[0] != '/' || path[1] == '\0') {
                return refuse(reterr_why, size, "the path of the socket is not absolute: write unix:/PATH");
        }
        if (strlen(path) > UNIX_PATH_MAX) {
                return refuse(reterr_why, size, "the path of the socket is over 107 bytes long");
        }
        for (const char *p = path; *p != '\0'; p++) {
                if (*p <= 0x20 || *p > 0x7e) {
                        return refuse(reterr_why, size,
                                      "the path of the socket has characters that are not visible ASCII");
                }
        }
        ret->kind = STORE_UNIX;
        (void)snprintf(ret->text, sizeof(ret->text), UNIX_SCHEME "%s", path);
        return 0;
}

static int parse_host(const char *authority, enum store_kind kind, struct store_address *ret,
                      char *reterr_why, size_t size)
{
        static const char https[] = "https://";
        char text[STORE_ADDRESS_MAX + sizeof(https)], why[8];
        _cleanup_free_ char *url = NULL;

        if (strchr(authority, '@')) {
                return refuse(reterr_why, size,
                              "it has user information before the host: write the user as username, and the "
                              "password into a file that password_file names");
        }
        size_t length = strlen(authority);
        if (length > 0 && authority[length - 1] == '/') {
                length--;
        }
        if (memchr(authority, '/', length)) {
                return refuse(reterr_why, size,
                              "it has a path, and no database but the first is used: " CURE);
        }
        if ((size_t)snprintf(text, sizeof(text), "%s%.*s", https, (int)length, authority) >= sizeof(text)) {
                return refuse(reterr_why, size, "it is over 150 characters long");
        }
        int r = base_url_parse(text, &url, why, sizeof(why));
        if (r < 0) {
                return r == -ENOMEM ? r
                                    : refuse(reterr_why, size,
                                             "it has no host name, address or port as it should be: " CURE);
        }
        const char *host = url + strlen(https);
        const char *bracket = strrchr(host, ']');
        const char *port = strchr(bracket ? bracket : host, ':');
        char with[8] = "";
        if (!port) {
                (void)snprintf(with, sizeof(with), ":%d", STORE_PORT);
        }
        int n = snprintf(ret->text, sizeof(ret->text), "%s://%s%s", kind == STORE_TLS ? "rediss" : "redis",
                         host, with);
        if (n < 0 || (size_t)n >= sizeof(ret->text)) {
                return refuse(reterr_why, size, "it is over 150 characters long");
        }
        ret->kind = kind;
        return 0;
}

int store_address_parse(const char *text, struct store_address *ret, char *reterr_why, size_t size)
{
        static const struct {
                const char *scheme;
                enum store_kind kind;
        } rows[] = {
                { "redis://", STORE_PLAIN },
                { "rediss://", STORE_TLS },
        };

        *ret = (struct store_address){ 0 };
        if (strncasecmp(text, UNIX_SCHEME, strlen(UNIX_SCHEME)) == 0) {
                return parse_path(text + strlen(UNIX_SCHEME), ret, reterr_why, size);
        }
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                size_t n = strlen(rows[i].scheme);
                if (strncasecmp(text, rows[i].scheme, n) == 0) {
                        return parse_host(text + n, rows[i].kind, ret, reterr_why, size);
                }
        }
        return refuse(reterr_why, size, "it is no address of a store: " CURE);
}

const char *store_address_path(const struct store_address *address)
{
        return address->text + strlen(UNIX_SCHEME);
}

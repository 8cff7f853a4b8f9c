/* Address: where a daemon may be reached. An address points into itself, so it is parsed in place and never
 * copied. */
#include "client/address.h"

#include <assert.h>
#include <errno.h>
#include <sys/un.h>

#define UNIX_PREFIX "unix:"
#define PORT_MAX    65535

static_assert(sizeof(UNIX_PREFIX) + sizeof(((struct sockaddr_un *)NULL)->sun_path) <= ADDRESS_TEXT_MAX,
              "every path that fits into a socket address fits into an address");

/* The hosts that the daemon accepts in a Host header, which are those that stay on this machine. */
static const char *const tcp_prefixes[] = { "http://127.0.0.1:", "http://localhost:", "http://[::1]:" };

static bool port_is_valid(const char *digits, size_t length)
{
        unsigned port = 0;

        if (length == 0 || length > 5) {
                return false;
        }
        for (size_t i = 0; i < length; i++) {
                if (digits[i] < '0' || digits[i] > '9') {
                        return false;
                }
                port = 10 * port + (unsigned)(digits[i] - '0');
        }

        return port > 0 && port <= PORT_MAX;
}

static bool unix_path_is_valid(const char *path)
{
        size_t length = strlen(path);

        if (path[0] != '/' || path[1] == '\0' || length >= sizeof(((struct sockaddr_un *)NULL)->sun_path)) {
                return false;
        }
        /* Such a path could not be shown in a message. */
        for (size_t i = 0; i < length; i++) {
                if ((unsigned char)path[i] < 0x20 || path[i] == 0x7f) {
                        return false;
                }
        }

        return true;
}

static bool tcp_url_is_valid(const char *url, size_t length)
{
        for (size_t i = 0; i < ARRAY_SIZE(tcp_prefixes); i++) {
                size_t prefix = strlen(tcp_prefixes[i]);

                if (strncmp(url, tcp_prefixes[i], prefix) == 0) {
                        return port_is_valid(url + prefix, length - prefix);
                }
        }

        return false;
}

int address_parse(struct address *ret_address, const char *text)
{
        bool is_unix = strncmp(text, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0;
        size_t length = strlen(text);

        /* People copy URLs with a slash at the end. */
        if (!is_unix && length > 0 && text[length - 1] == '/') {
                length--;
        }
        if (length >= ADDRESS_TEXT_MAX) {
                return -EINVAL;
        }
        if (is_unix ? !unix_path_is_valid(text + strlen(UNIX_PREFIX)) : !tcp_url_is_valid(text, length)) {
                return -EINVAL;
        }

        memcpy(ret_address->text, text, length);
        ret_address->text[length] = '\0';
        ret_address->unix_path = is_unix ? ret_address->text + strlen(UNIX_PREFIX) : NULL;
        ret_address->url = is_unix ? "http://localhost" : ret_address->text;
        ret_address->check_owner = false;
        ret_address->own_only = false;
        return 0;
}

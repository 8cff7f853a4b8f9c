/* Local listener. The lists of a drop-in replace those before it, so what the broker listens on already is
 * written once more. */
#include "ctl/local_listener.h"

#include "ctl/complain.h"
#include "ctl/local_file.h"
#include "lib/util.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#define PORT_FIRST 9377
#define PORT_LAST  9476
#define TEXT_MAX   4096

static_assert(TEXT_MAX > (SETTINGS_LISTEN_MAX + 2) * 128, "all lines fit");

bool local_listener_has_port(const struct settings *settings)
{
        for (size_t i = 0; i < settings->n_listen; i++) {
                if (settings->listen[i].kind != LISTEN_UNIX) {
                        return true;
                }
        }
        return false;
}

static bool is_free(unsigned port)
{
        _cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const struct sockaddr_in name = { .sin_family = AF_INET,
                                          .sin_port = htons((uint16_t)port),
                                          .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        const int on = 1;

        return fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
               bind(fd, (const struct sockaddr *)&name, sizeof(name)) == 0 && listen(fd, 1) == 0;
}

static bool write_file(const struct settings *settings, unsigned port, const char *path)
{
        char text[TEXT_MAX];
        int n = snprintf(text, sizeof(text),
                         "# A port for programs with local keys: eqpctl local add. The broker's whole list "
                         "stands here.\n[broker]\n");

        for (size_t i = 0; i < settings->n_listen; i++) {
                n += snprintf(text + n, sizeof(text) - (size_t)n, "listen = %s\n", settings->listen[i].path);
        }
        n += snprintf(text + n, sizeof(text) - (size_t)n, "listen = 127.0.0.1:%u\n", port);
        return local_file_put(path, text, (size_t)n, /* create= */ true) >= 0;
}

bool local_listener_add(const struct settings *settings, unsigned *ret_port)
{
        char path[LOCAL_FILE_PATH_MAX];
        unsigned port = PORT_FIRST;

        while (port <= PORT_LAST && !is_free(port)) {
                port++;
        }
        if (port > PORT_LAST) {
                complain("No port from %d to %d is free: write listen = 127.0.0.1:PORT into the "
                         "configuration "
                         "(eqp-brokerd.conf(5)).",
                         PORT_FIRST, PORT_LAST);
                return false;
        }
        if (!local_file_listener_path(path) || !write_file(settings, port, path)) {
                return false;
        }
        *ret_port = port;
        return true;
}

/* Sockets that the service manager passed at start. */
#include "daemon/base/passed_sockets.h"

#include "daemon/base/journal.h"
#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

/* Only loopback: connections over a network are not for us, no matter who opened the socket. */
static bool is_loopback(int fd)
{
        struct sockaddr_storage address = { 0 };
        socklen_t length = sizeof(address);

        if (getsockname(fd, (struct sockaddr *)&address, &length) < 0) {
                return false;
        }
        if (address.ss_family == AF_INET) {
                const struct sockaddr_in *in = (const struct sockaddr_in *)&address;
                return ntohl(in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
        }
        if (address.ss_family == AF_INET6) {
                const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&address;
                return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr) ||
                       (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr) &&
                        in6->sin6_addr.s6_addr[12] == IN_LOOPBACKNET);
        }
        return address.ss_family == AF_UNIX;
}

/* Is it of that series: "SERIES-" and digits? */
static bool is_of_series(const char *name, const char *series)
{
        size_t length = strlen(series);

        if (strncmp(name, series, length) != 0 || name[length] != '-') {
                return false;
        }
        const char *digits = name + length + 1;
        return *digits && strspn(digits, "0123456789") == strlen(digits);
}

/* Too many of one series take no place from the other. */
static const char *sort_in_kept(struct passed_sockets *passed, int fd, const char *name, const char *series)
{
        size_t n = 0;

        for (size_t i = 0; i < passed->n_kept; i++) {
                n += is_of_series(passed->kept_names[i], series);
        }
        if (n == PASSED_SERIES_MAX) {
                return "there are too many of its kind";
        }
        if (strlen(name) > PASSED_KEPT_NAME_MAX) {
                return "its name is longer than any that we give";
        }
        (void)snprintf(passed->kept_names[passed->n_kept], PASSED_KEPT_NAME_MAX + 1, "%s", name);
        passed->kept[passed->n_kept++] = fd;
        return NULL;
}

/* Puts it where it belongs. NULL, or why there is no place for it. */
static const char *sort_in(struct passed_sockets *passed, int fd, const char *name)
{
        static const char *const series[] = { "sessions", "knowledge", "opaque" };

        for (size_t i = 0; i < ARRAY_SIZE(series); i++) {
                if (is_of_series(name, series[i])) {
                        return sort_in_kept(passed, fd, name, series[i]);
                }
        }
        if (sd_is_socket(fd, AF_NETLINK, 0, -1) > 0) {
                int protocol = -1;
                socklen_t length = sizeof(protocol);
                if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length) < 0 ||
                    protocol != NETLINK_SOCK_DIAG) {
                        return "it is no netlink socket of the socket diagnosis (inet-diag)";
                }
                if (passed->diagnosis >= 0) {
                        return "there are too many of its kind";
                }
                passed->diagnosis = fd;
                return NULL;
        }
        if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0) {
                return "it is no stream socket that listens";
        }
        if (!is_loopback(fd)) {
                return "it listens beyond loopback, and tokens are for this host only";
        }
        if (streq(name, "credential")) {
                if (passed->credential >= 0 || sd_is_socket_unix(fd, SOCK_STREAM, 1, NULL, 0) <= 0) {
                        return "one unix socket of this name is all that makes sense";
                }
                passed->credential = fd;
                return NULL;
        }
        if (passed->n_listen == ARRAY_SIZE(passed->listen)) {
                return "there are too many of its kind";
        }
        passed->listen[passed->n_listen++] = fd;
        return NULL;
}

static void free_names(char ***names)
{
        for (char **name = *names; name && *name; name++) {
                free(*name);
        }
        free(*names);
}

int passed_sockets_take(struct passed_sockets *ret)
{
        _cleanup_(free_names) char **names = NULL;

        *ret = (struct passed_sockets){ .credential = -1, .diagnosis = -1 };
        int n = sd_listen_fds_with_names(1, &names); /* sets close-on-exec as well */
        if (n < 0) {
                return n;
        }
        for (int i = 0; i < n; i++) {
                int fd = SD_LISTEN_FDS_START + i;
                const char *why = sort_in(ret, fd, names[i]);
                int flags = why ? 0 : fcntl(fd, F_GETFL);

                if (!why && (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)) {
                        int r = -errno;
                        passed_sockets_close(ret);
                        return r;
                }
                if (why) {
                        journal_say(&(struct journal_record){ .priority = LOG_ERR },
                                    "the descriptor '%s' from the service manager is not used: %s", names[i],
                                    why);
                        (void)close(fd);
                }
        }
        return 0;
}

void passed_sockets_close(struct passed_sockets *passed)
{
        for (size_t i = 0; i < passed->n_listen; i++) {
                close_fd(&passed->listen[i]);
        }
        for (size_t i = 0; i < passed->n_kept; i++) {
                close_fd(&passed->kept[i]);
        }
        close_fd(&passed->credential);
        close_fd(&passed->diagnosis);
        passed->n_listen = passed->n_kept = 0;
}

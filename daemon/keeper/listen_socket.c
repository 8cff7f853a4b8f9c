/* A socket that listens, and where. */
#include "daemon/keeper/listen_socket.h"

#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 4096 /* the kernel cuts it to net.core.somaxconn */

union any_address {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
};

static socklen_t make_address(const struct listen_address *address, union any_address *ret)
{
        *ret = (union any_address){ 0 };
        switch (address->kind) {
        case LISTEN_TCP4:
                ret->in.sin_family = AF_INET;
                ret->in.sin_port = htons(address->port);
                ret->in.sin_addr.s_addr = htonl(address->address4);
                return sizeof(ret->in);
        case LISTEN_TCP6:
                ret->in6.sin6_family = AF_INET6;
                ret->in6.sin6_port = htons(address->port);
                ret->in6.sin6_addr = in6addr_loopback;
                return sizeof(ret->in6);
        case LISTEN_UNIX:
                ret->un.sun_family = AF_UNIX;
                memcpy(ret->un.sun_path, address->path, strlen(address->path) + 1);
                return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(address->path) + 1);
        }
        return 0;
}

/* ---- making one ---- */

/* 0: nobody has this unix socket any more. -EADDRINUSE: somebody has, perhaps one of another kind, or with a
 * full queue. Other negative errno: that cannot be found out, so it is left alone. */
static int check_stale(const union any_address *address, socklen_t length)
{
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (fd < 0) {
                return -errno;
        }
        int error = connect(fd, &address->any, length) < 0 ? errno : 0;
        (void)close(fd);
        return error == ECONNREFUSED ? 0 : error == EACCES ? -EACCES : -EADDRINUSE;
}

/* 0 if it is there already, too. Our umask has no say in its mode, or nobody would come through to the
 * socket.
 */
static int make_folder(const char *folder)
{
        mode_t mask = umask(S_IWGRP | S_IWOTH);
        int r = mkdir(folder, 0755) < 0 && errno != EEXIST ? -errno : 0;

        (void)umask(mask);
        return r;
}

/* Makes the folder of the socket if it is missing, and takes a stale socket away. */
static int prepare_path(const char *path, const union any_address *address, socklen_t length)
{
        char folder[sizeof(address->un.sun_path)];
        struct stat status;

        memcpy(folder, path, strlen(path) + 1);
        char *slash = strrchr(folder, '/');
        if (slash && slash != folder) {
                *slash = '\0';
                int r = make_folder(folder);
                if (r < 0) {
                        return r;
                }
        }
        if (lstat(path, &status) < 0) {
                return errno == ENOENT ? 0 : -errno;
        }
        if (!S_ISSOCK(status.st_mode)) {
                return -EEXIST;
        }
        int r = check_stale(address, length);
        if (r < 0) {
                return r;
        }
        return unlink(path) < 0 ? -errno : 0;
}

/* The path is still our socket's? In a folder that others may write to, it could be anything by now. */
static bool is_ours(const struct listen_socket *listen_socket)
{
        struct stat status;

        return listen_socket->made_path && lstat(listen_socket->address.path, &status) == 0 &&
               status.st_ino == listen_socket->inode;
}

static int set_mode(const struct listen_socket *listen_socket, mode_t mode)
{
        const char *path = listen_socket->address.path;

        return fchmodat(AT_FDCWD, path, mode, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int give_group(const struct listen_socket *listen_socket, const struct socket_access *access)
{
        gid_t group = access->has_group ? access->group : listen_socket->own_group;

        return lchown(listen_socket->address.path, (uid_t)-1, group) < 0 ? -errno : 0;
}

static int bind_path(struct listen_socket *listen_socket, const union any_address *address, socklen_t length,
                     const struct socket_access *access)
{
        const char *path = listen_socket->address.path;
        struct stat status;

        int r = prepare_path(path, address, length);
        if (r < 0) {
                return r;
        }
        /* It has its mode from the first moment; chmod() would follow a link that somebody put in its place.
         */
        mode_t mask = umask(0777 & ~access->mode);
        r = bind(listen_socket->fd, &address->any, length) < 0 ? -errno : 0;
        (void)umask(mask);
        if (r < 0) {
                return r;
        }
        if (lstat(path, &status) < 0) {
                return -errno;
        }
        listen_socket->made_path = true;
        listen_socket->inode = status.st_ino;
        listen_socket->own_group = status.st_gid;
        return access->has_group ? give_group(listen_socket, access) : 0;
}

static int bind_tcp(struct listen_socket *listen_socket, const union any_address *address, socklen_t length)
{
        const int yes = 1;
        int fd = listen_socket->fd;

        if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
            (listen_socket->address.kind == LISTEN_TCP6 &&
             setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes)) < 0)) {
                return -errno;
        }
        return bind(fd, &address->any, length) < 0 ? -errno : 0;
}

static int bind_and_listen(struct listen_socket *listen_socket, const struct socket_access *access)
{
        union any_address address;
        socklen_t length = make_address(&listen_socket->address, &address);

        listen_socket->fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (listen_socket->fd < 0) {
                return -errno;
        }
        int r = listen_socket->address.kind == LISTEN_UNIX
                        ? bind_path(listen_socket, &address, length, access)
                        : bind_tcp(listen_socket, &address, length);
        if (r < 0) {
                return r;
        }
        return listen(listen_socket->fd, BACKLOG) < 0 ? -errno : 0;
}

/* ---- where it is ---- */

static int describe_unix(struct listen_socket *listen_socket, const struct sockaddr_un *un, socklen_t length)
{
        size_t n = length - offsetof(struct sockaddr_un, sun_path);

        if (length <= offsetof(struct sockaddr_un, sun_path) || n > sizeof(un->sun_path)) {
                return -EINVAL;
        }
        bool abstract = un->sun_path[0] == '\0';
        (void)snprintf(listen_socket->name, sizeof(listen_socket->name), "%s%.*s", abstract ? "@" : "",
                       (int)(abstract ? n - 1 : n), un->sun_path + (abstract ? 1 : 0));
        return 0;
}

static void describe_tcp(struct listen_socket *listen_socket, const union any_address *address)
{
        struct listen_place *place = &listen_socket->place;

        place->tcp = true;
        if (address->any.sa_family == AF_INET) {
                uint32_t ip = ntohl(address->in.sin_addr.s_addr);
                place->port = ntohs(address->in.sin_port);
                (void)snprintf(place->address, sizeof(place->address), "%u.%u.%u.%u", ip >> 24,
                               (ip >> 16) & 0xff, (ip >> 8) & 0xff, ip & 0xff);
        } else {
                place->port = ntohs(address->in6.sin6_port);
                (void)snprintf(place->address, sizeof(place->address), "[::1]");
        }
        (void)snprintf(listen_socket->name, sizeof(listen_socket->name), "%s:%u", place->address,
                       place->port);
}

/* As the kernel tells: the port may have been its choice, and the whole socket somebody else's. */
static int describe(struct listen_socket *listen_socket)
{
        union any_address address = { 0 };
        socklen_t length = sizeof(address);

        if (getsockname(listen_socket->fd, &address.any, &length) < 0) {
                return -errno;
        }
        switch (address.any.sa_family) {
        case AF_UNIX:
                return describe_unix(listen_socket, &address.un, length);
        case AF_INET:
        case AF_INET6:
                describe_tcp(listen_socket, &address);
                return 0;
        default:
                return -EAFNOSUPPORT;
        }
}

/* Why it cannot be, and what to do. */
static void explain(const struct listen_address *address, int error, bool giving, char *message)
{
        const char *cure = "";

        switch (-error) {
        case EADDRINUSE:
                cure = ": another program listens there (another eqp-brokerd?); stop it or set another "
                       "'listen ='";
                break;
        case EACCES:
        case EPERM:
        case EROFS:
                cure = giving ? ": only a member of the group may give it the socket (socket_group)"
                              : ": run it as a user with that right, or set another 'listen ='";
                break;
        case EEXIST:
                cure = ": something that is no socket is in its place; remove it";
                break;
        case ENOENT:
                cure = ": the folder above it does not exist";
                break;
        default:
                break;
        }
        (void)snprintf(message, LISTEN_SOCKET_ERROR_MAX, "cannot listen on %s: %s%s", address->path,
                       strerror(-error), cure);
}

int listen_socket_open(struct listen_socket *ret, const struct listen_address *address,
                       const struct socket_access *access,
                       char reterr_message[static LISTEN_SOCKET_ERROR_MAX])
{
        struct listen_socket made = { .fd = -1, .address = *address };
        int r = bind_and_listen(&made, access);

        if (r >= 0) {
                r = describe(&made);
        }
        if (r < 0) {
                explain(address, r, access->has_group && made.made_path, reterr_message);
                listen_socket_close(&made);
                return r;
        }
        *ret = made;
        return 0;
}

/* The group's bits come last: at no moment are they another group's. */
static int give(const struct listen_socket *listen_socket, const struct socket_access *access)
{
        int r = set_mode(listen_socket, access->mode & ~(mode_t)S_IRWXG);
        if (r < 0) {
                return r;
        }
        if (access->has_group || (access->mode & S_IRWXG)) {
                r = give_group(listen_socket, access);
                if (r < 0) {
                        return r;
                }
        }
        return set_mode(listen_socket, access->mode);
}

int listen_socket_give(const struct listen_socket *listen_socket, const struct socket_access *access,
                       char reterr_message[static LISTEN_SOCKET_ERROR_MAX])
{
        if (listen_socket->address.kind != LISTEN_UNIX || !is_ours(listen_socket)) {
                return 0;
        }
        int r = give(listen_socket, access);
        if (r < 0) {
                (void)snprintf(reterr_message, LISTEN_SOCKET_ERROR_MAX,
                               "cannot give %s the mode %04o and its group: %s%s", listen_socket->name,
                               (unsigned)access->mode, strerror(-r),
                               r == -EPERM ? ": only a member of the group may give it the socket" : "");
        }
        return r;
}

int listen_socket_adopt(struct listen_socket *ret, int fd,
                        char reterr_message[static LISTEN_SOCKET_ERROR_MAX])
{
        struct listen_socket adopted = { .fd = fd, .passed = true };
        int r = describe(&adopted);

        if (r < 0) {
                (void)snprintf(reterr_message, LISTEN_SOCKET_ERROR_MAX,
                               "a socket from the service manager does not say where it listens: %s",
                               strerror(-r));
                return r;
        }
        *ret = adopted;
        return 0;
}

bool listen_socket_is_lost(const struct listen_socket *listen_socket)
{
        union any_address address;
        struct stat status;

        if (!listen_socket->made_path || is_ours(listen_socket)) {
                return false;
        }
        if (lstat(listen_socket->address.path, &status) < 0) {
                return errno == ENOENT;
        }
        socklen_t length = make_address(&listen_socket->address, &address);
        /* Another user's may not be ours to remove, which would fail the reload. */
        return S_ISSOCK(status.st_mode) && status.st_uid == geteuid() && check_stale(&address, length) == 0;
}

void listen_socket_close(struct listen_socket *listen_socket)
{
        if (is_ours(listen_socket)) {
                (void)unlink(listen_socket->address.path);
        }
        listen_socket->made_path = false;
        close_fd(&listen_socket->fd);
}

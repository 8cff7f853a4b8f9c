/* The caller, from the kernel.
 *
 * The question over netlink is for the exact four-tuple seen from the client: its local end is our remote
 * one. The answer is judged in lib/diag_answer, and stands only if our own end stands after it. */
#include "daemon/frontend/callers/peer.h"

#include "lib/diag_answer.h"
#include "lib/util.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdalign.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

struct peer_finder {
        int netlink;
        uint64_t namespace; /* the network namespace that netlink answers for; 0: the kernel does not tell */
        uint32_t sequence;
};

/* The number of the network namespace that a socket belongs to (socket(7) has it as SO_NETNS_COOKIE, Linux
 * 5.14); 0 if the kernel has none. Negative errno. */
static int find_namespace(int fd, uint64_t *ret)
{
        *ret = 0;
#ifdef SO_NETNS_COOKIE
        uint64_t cookie = 0;
        socklen_t length = sizeof(cookie);

        if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length) < 0) {
                return errno == ENOPROTOOPT ? 0 : -errno;
        }
        *ret = cookie;
#else
#endif
        return 0;
}

static void unknown(struct peer *peer, const char *why)
{
        peer->known = false;
        peer->why = why;
}

/* ---- unix ---- */

static void find_unix(int fd, struct peer *peer)
{
        struct ucred credentials;
        socklen_t length = sizeof(credentials);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) < 0 ||
            length != sizeof(credentials)) {
                unknown(peer, "the kernel does not say who owns the other end");
                return;
        }
        peer->uid = credentials.uid;
        peer->gid = credentials.gid;
        peer->pid = credentials.pid;
        if (credentials.uid == (uid_t)-1 || credentials.uid == UID_UNMAPPED) {
                unknown(peer, "the caller's user does not exist in the daemon's user namespace");
                return;
        }
        peer->fd = fd;
        peer->known = true;
}

/* ---- TCP ---- */

/* v4-mapped addresses count as IPv4: so the kernel files them. Returns the family, or 0. */
static int read_end(const struct sockaddr_storage *address, struct diag_end *ret)
{
        *ret = (struct diag_end){ 0 };
        if (address->ss_family == AF_INET) {
                const struct sockaddr_in *in = (const struct sockaddr_in *)address;
                ret->port_be = in->sin_port;
                ret->address_be[0] = in->sin_addr.s_addr;
                return AF_INET;
        }
        if (address->ss_family == AF_INET6) {
                const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
                ret->port_be = in6->sin6_port;
                memcpy(ret->address_be, &in6->sin6_addr, sizeof(ret->address_be));
                if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
                        *ret = (struct diag_end){ in6->sin6_port, { ret->address_be[3] } };
                        return AF_INET;
                }
                return AF_INET6;
        }
        return 0;
}

static const char *const silent = "the kernel does not answer who owns the other end";

/* Reads the answer to this question, past left-overs of earlier ones. Returns why the caller is unknown, or
 * NULL. */
static const char *read_answer(int netlink, const struct diag_question *question, uid_t *ret_uid)
{
        for (int tries = 0; tries < 16; tries++) {
                alignas(struct nlmsghdr) char reply[1024];
                struct sockaddr_nl from = { 0 };
                socklen_t from_length = sizeof(from);
                const char *why = NULL;

                /* The kernel answers within the send: an answer that is not there now will not come. */
                ssize_t length = recvfrom(netlink, reply, sizeof(reply), MSG_DONTWAIT | MSG_TRUNC,
                                          (struct sockaddr *)&from, &from_length);
                if (length < 0) {
                        return silent;
                }
                if (from_length != sizeof(from) || from.nl_pid != 0 || (size_t)length > sizeof(reply)) {
                        continue; /* not from the kernel, or cut off */
                }
                int r = diag_answer_read(reply, (size_t)length, question, ret_uid, &why);
                if (r != -EAGAIN) {
                        return why;
                }
        }
        return silent;
}

/* Drops what is in the socket: a reply that nobody fetched would stand before all later ones. ENOBUFS tells
 * that some were lost. */
static int drop_unread(int netlink)
{
        for (int tries = 0; tries < 65536; tries++) {
                char byte;
                if (recv(netlink, &byte, sizeof(byte), MSG_DONTWAIT | MSG_TRUNC) < 0 && errno != ENOBUFS &&
                    errno != EINTR) {
                        return errno == EAGAIN ? 0 : -errno;
                }
        }
        return -EBUSY; /* somebody else asks without end */
}

/* Returns why the caller is unknown, or NULL. */
static const char *ask(struct peer_finder *finder, struct diag_question *question, uid_t *ret_uid)
{
        const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

        question->header.nlmsg_seq = ++finder->sequence;
        if (sendto(finder->netlink, question, sizeof(*question), MSG_DONTWAIT,
                   (const struct sockaddr *)&kernel, sizeof(kernel)) != (ssize_t)sizeof(*question)) {
                return "the kernel cannot be asked who owns the other end";
        }
        return read_answer(finder->netlink, question, ret_uid);
}

/* A connection may be reset before it is accepted, and its port taken by somebody else: then the answer is
 * about that one's connection. As long as our own end stands, no other can have the same four numbers, but
 * for a socket in SYN_SENT, of which lib/diag_answer takes no word; so it is looked at after the answer.
 * CLOSE_WAIT: the client has sent all it wants to send. */
static const char *check_own_end(int fd)
{
        uint8_t state = 0; /* tcpi_state, the first byte of struct tcp_info */
        socklen_t length = sizeof(state);

        static_assert(offsetof(struct tcp_info, tcpi_state) == 0, "one byte is all that is asked for");
        if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &state, &length) < 0 || length != sizeof(state)) {
                return "the kernel does not say whether the connection still stands";
        }
        if (state != TCP_ESTABLISHED && state != TCP_CLOSE_WAIT) {
                return "the connection was reset before it was accepted";
        }
        return NULL;
}

static void find_tcp(struct peer_finder *finder, int fd, int family, const struct diag_end *own,
                     const struct diag_end *other, struct peer *peer)
{
        struct diag_question question;

        if (!finder) {
                unknown(peer, "the kernel has no socket-diagnosis interface for the daemon");
                return;
        }
        diag_question_write(&question, family, other, own, 0);
        const char *why = ask(finder, &question, &peer->uid);
        if (why == silent && drop_unread(finder->netlink) >= 0) {
                why = ask(finder, &question, &peer->uid); /* others had filled the socket */
        }
        if (!why) {
                why = check_own_end(fd);
        }
        if (why) {
                unknown(peer, why);
                return;
        }
        peer->known = true;
}

/* ---- both ---- */

void peer_door_look(struct peer_door *ret, const struct peer_finder *finder, int fd)
{
        socklen_t length = sizeof(ret->own);
        uint64_t namespace;

        *ret = (struct peer_door){ 0 };
        if (getsockname(fd, (struct sockaddr *)&ret->own, &length) < 0) {
                ret->why = "the kernel does not give the address of the daemon's end";
                return;
        }
        /* A listening socket may have been made elsewhere and handed to us. In our namespace the same
         * addresses and ports may be somebody else's. */
        if (ret->own.ss_family != AF_UNIX && finder &&
            (find_namespace(fd, &namespace) < 0 || namespace != finder->namespace)) {
                ret->why = "the connection is of another network namespace than the daemon's";
        }
}

void peer_find(struct peer_finder *finder, const struct peer_door *door, int fd,
               const struct sockaddr_storage *other, struct peer *ret)
{
        struct diag_end own_end, other_end;

        *ret = (struct peer){ .fd = -1 };
        if (door->own.ss_family == AF_UNIX) {
                find_unix(fd, ret);
                return;
        }
        ret->tcp = true;
        ret->gid = (gid_t)-1; /* 0 would be somebody's */
        if (door->why) {
                unknown(ret, door->why);
                return;
        }
        int family = read_end(&door->own, &own_end);
        if (family == 0 || read_end(other, &other_end) != family) {
                unknown(ret, "the connection is of an unknown kind");
                return;
        }
        find_tcp(finder, fd, family, &own_end, &other_end, ret);
}

void peer_clear(struct peer *peer)
{
        peer->fd = -1;
}

static uint32_t random_start(void)
{
        uint32_t number = 0;

        /* Without entropy, which is early in a boot only, there was no process before us either. */
        (void)!getrandom(&number, sizeof(number), GRND_NONBLOCK);
        return number;
}

int peer_finder_new(struct peer_finder **ret, int fd)
{
        _cleanup_close_ int netlink = fd;
        _cleanup_free_ struct peer_finder *finder = calloc(1, sizeof(*finder));

        if (!finder) {
                return -ENOMEM;
        }
        int r = drop_unread(netlink);
        if (r < 0) {
                return r;
        }
        r = find_namespace(netlink, &finder->namespace);
        if (r < 0) {
                return r;
        }
        finder->netlink = take_fd(netlink);
        /* Not where another process began: an answer to one of its questions must not pass for ours. */
        finder->sequence = random_start();
        *ret = take_ptr(finder);
        return 0;
}

struct peer_finder *peer_finder_free(struct peer_finder *finder)
{
        if (finder) {
                (void)close(finder->netlink);
                free(finder);
        }
        return NULL;
}

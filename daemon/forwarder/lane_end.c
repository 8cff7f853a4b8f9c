/* The forwarder's end of a lane: packets in and out of its socket. */
#include "daemon/forwarder/lane_end.h"

#include "lib/lane.h"
#include "lib/util.h"

#include <errno.h>
#include <sys/socket.h>

#define PACKETS_MAX 64 /* that are looked through for an ABORT; a full lane has less */

static bool is_for_now(int error)
{
        return error == EAGAIN || error == EINTR || is_shortage(error);
}

int lane_end_send(const struct lane_end *end, const struct iovec *parts, size_t n)
{
        struct msghdr message = { .msg_iov = (struct iovec *)parts, .msg_iovlen = n };

        if (sendmsg(end->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) {
                return 1;
        }
        return is_for_now(errno) ? 0 : -EPIPE;
}

ssize_t lane_end_receive(const struct lane_end *end, void *head, size_t head_size, void *rest,
                         size_t rest_size)
{
        struct iovec parts[] = { { head, head_size }, { rest, rest_size } };
        struct msghdr message = { .msg_iov = parts, .msg_iovlen = rest_size > 0 ? 2 : 1 };

        ssize_t n = recvmsg(end->fd, &message, MSG_DONTWAIT);
        if (n < 0) {
                return is_for_now(errno) ? -EAGAIN : 0;
        }
        return message.msg_flags & MSG_TRUNC ? -EBADMSG : n;
}

/* From where on the next one is peeked at; -1: as ever. */
static bool peek_from(const struct lane_end *end, int offset)
{
        return setsockopt(end->fd, SOL_SOCKET, SO_PEEK_OFF, &offset, sizeof(offset)) == 0;
}

bool lane_end_find_abort(const struct lane_end *end, uint64_t number)
{
        struct lane_packet packet;
        bool found = false;
        int offset = 0;

        for (int i = 0; i < PACKETS_MAX && !found && peek_from(end, offset); i++) {
                /* With MSG_TRUNC it is the packet's whole length that is returned. */
                ssize_t n = recv(end->fd, &packet, sizeof(packet), MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
                if (n < (ssize_t)sizeof(packet)) {
                        break;
                }
                found = packet.type == LANE_ABORT && packet.number == number;
                offset += (int)n;
        }
        (void)peek_from(end, -1);
        return found;
}

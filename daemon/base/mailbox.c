/* Datagrams for a program that may not be reading them.
 *
 * A burst may fill the queue of a reader that is well: it gets a moment to catch up. One that is stopped, or
 * hangs, costs that moment once; one that is slow, perhaps because somebody keeps it busy, once in a second,
 * however many datagrams there are. */
#include "daemon/base/mailbox.h"

#include "daemon/base/clock.h"
#include "lib/util.h"

#include <errno.h>
#include <poll.h>

int mailbox_open(struct mailbox *ret, const char *address)
{
        struct mailbox mailbox = { .address.sun_family = AF_UNIX };
        size_t length = strlen(address);

        if (length < 2 || length >= sizeof(mailbox.address.sun_path) ||
            (address[0] != '/' && address[0] != '@')) {
                return -EINVAL;
        }
        memcpy(mailbox.address.sun_path, address, length);
        if (address[0] == '@') {
                mailbox.address.sun_path[0] = '\0';
        }
        mailbox.length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
        mailbox.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (mailbox.fd < 0) {
                return -errno;
        }
        *ret = mailbox;
        return 0;
}

/* The process that listens at the address now gets it: that may be another socket than the last time. */
static int try_to_send(struct mailbox *mailbox, const void *bytes, size_t length, int fd)
{
        struct iovec content = { (void *)(uintptr_t)bytes, length };
        struct msghdr message = { .msg_name = &mailbox->address,
                                  .msg_namelen = mailbox->length,
                                  .msg_iov = &content,
                                  .msg_iovlen = 1 };
        union {
                struct cmsghdr header;
                char room[CMSG_SPACE(sizeof(int))];
        } control = { 0 };

        if (fd >= 0) {
                control.header = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(fd)),
                                                   .cmsg_level = SOL_SOCKET,
                                                   .cmsg_type = SCM_RIGHTS };
                memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
                message.msg_control = &control;
                message.msg_controllen = sizeof(control);
        }
        return sendmsg(mailbox->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Is there any, after a wait? Only of a socket that is connected does poll() know that of the other end. */
static bool wait_for_room(struct mailbox *mailbox)
{
        struct pollfd writable = { .fd = mailbox->fd, .events = POLLOUT };
        uint64_t now_usec = clock_now_usec();

        if (now_usec - mailbox->second_usec >= USEC_PER_SEC) {
                mailbox->second_usec = now_usec;
                mailbox->waited_usec = 0;
        }
        int left_msec = MAILBOX_WAIT_MSEC - (int)(mailbox->waited_usec / USEC_PER_MSEC);
        if (left_msec <= 0 ||
            connect(mailbox->fd, (const struct sockaddr *)&mailbox->address, mailbox->length) < 0) {
                return false;
        }
        int r = poll(&writable, 1, left_msec);
        mailbox->waited_usec += clock_now_usec() - now_usec;
        return r == 1 && (writable.revents & POLLOUT);
}

int mailbox_send(struct mailbox *mailbox, const void *bytes, size_t length, int fd)
{
        int r = try_to_send(mailbox, bytes, length, fd);

        /* Others write to it as well, and may be quicker. */
        while (r == -EAGAIN && !mailbox->full && wait_for_room(mailbox)) {
                r = try_to_send(mailbox, bytes, length, fd);
        }
        mailbox->full = r == -EAGAIN;
        return r;
}

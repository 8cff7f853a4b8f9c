/* A program on this host that is sent datagrams (the journal, the service manager), and that may not be
 * reading them: the kernel then queues a few of all that are written to it, and a plain send would wait for
 * room. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct mailbox {
        struct sockaddr_un address;
        socklen_t length;
        int fd;
        bool full; /* it did not make room in time, and has not since: it is not waited for again */
        uint64_t second_usec, waited_usec; /* in the second that began then, so long was waited */
};

/* address: a path, or "@" and the name of an abstract socket. -EINVAL: neither. Other negative errno. */
int mailbox_open(struct mailbox *ret, const char *address);

/* Sends one datagram, and with it a copy of the descriptor fd, if that is not -1. Where the queue is full,
 * waits, but only if the last one was taken, and for MAILBOX_WAIT_MSEC in a second at most. -EAGAIN: there
 * is no room. Other negative errno: it is not there. */
#define MAILBOX_WAIT_MSEC 50
int mailbox_send(struct mailbox *mailbox, const void *bytes, size_t length, int fd);

/* What the kernel answers when it is asked who holds the other end of a TCP connection: pure, bytes to
 * verdict. */
#pragma once

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <stddef.h>
#include <sys/types.h>

/* The kernel's uid for "has none here" (overflowuid): somebody of an unmapped user namespace. */
#define UID_UNMAPPED 65534

/* The question as it was sent: see sock_diag(7). */
struct diag_question {
        struct nlmsghdr header;
        struct inet_diag_req_v2 body;
};

/* Reads one datagram (aligned as struct nlmsghdr). 0: *ret_uid is the caller. -EAGAIN: it answers another
 * question. -ENOENT: the caller is unknown; *ret_why, a static text, says why. */
int diag_answer_read(const void *bytes, size_t length, const struct diag_question *question, uid_t *ret_uid,
                     const char **ret_why);

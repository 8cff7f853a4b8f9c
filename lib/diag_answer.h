/* The kernel's answers to the question who owns a TCP socket: pure, bytes to verdict. The question is
 * for one socket by its addresses, over NETLINK_SOCK_DIAG; see sock_diag(7). */
#pragma once

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The kernel's uid for "has none here" (overflowuid): somebody of an unmapped user namespace. */
#define UID_UNMAPPED 65534

/* The question as it is sent. */
struct diag_question {
        struct nlmsghdr header;
        struct inet_diag_req_v2 body;
};

/* A socket's end as the diagnosis interface writes it. */
struct diag_end {
        uint16_t port_be;
        uint32_t address_be[4];
};

/* Asks whose the socket is that has this end for its own, and that other one, all zero for a listening
 * socket. family: AF_INET or AF_INET6. */
void diag_question_write(struct diag_question *ret, int family, const struct diag_end *own,
                         const struct diag_end *other, uint32_t sequence);

/* Reads one datagram (aligned as struct nlmsghdr) about a client's end. 0: *ret_uid is the caller. -EAGAIN:
 * it answers another question. -ENOENT: the caller is unknown; *ret_why, a static text, says why. */
int diag_answer_read(const void *bytes, size_t length, const struct diag_question *question, uid_t *ret_uid,
                     const char **ret_why);

/* The same about a server's end of a connection. 1: nobody has accepted it yet, so it is still the listening
 * socket's. -ECONNRESET: it is closed, or has gone; *ret_why stays as it is. */
int diag_answer_read_server(const void *bytes, size_t length, const struct diag_question *question,
                            uid_t *ret_uid, const char **ret_why);

/* The same about the listening socket that takes the connections to an end. */
int diag_answer_read_listener(const void *bytes, size_t length, const struct diag_question *question,
                              uid_t *ret_uid, const char **ret_why);

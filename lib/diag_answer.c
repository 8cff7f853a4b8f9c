/* The kernel's answers to the question who owns a TCP socket.
 *
 * Its look-up is not quite exact: with no such connection it may answer with a *listening* socket on the
 * asked port, or with one in TIME_WAIT (which has no owner and reads as root). So the answer's addresses,
 * ports, state and inode are all checked, and every doubt ends in "unknown". */
#include "lib/diag_answer.h"

#include "lib/util.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

void diag_question_write(struct diag_question *ret, int family, const struct diag_end *own,
                         const struct diag_end *other, uint32_t sequence)
{
        *ret = (struct diag_question){
                .header = { .nlmsg_len = sizeof(*ret),
                            .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                            .nlmsg_flags = NLM_F_REQUEST,
                            .nlmsg_seq = sequence },
                .body = { .sdiag_family = (uint8_t)family,
                          .sdiag_protocol = IPPROTO_TCP,
                          .idiag_states = ~0U,
                          .id = { .idiag_sport = own->port_be,
                                  .idiag_dport = other->port_be,
                                  .idiag_cookie = { INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE } } },
        };
        memcpy(ret->body.id.idiag_src, own->address_be, sizeof(own->address_be));
        memcpy(ret->body.id.idiag_dst, other->address_be, sizeof(other->address_be));
}

/* Is this the asked address? A socket of family AF_INET6 that speaks IPv4, as dual-stack programs have them,
 * is filed under IPv4 and found by such a question; it is told with its own family and ::ffff:A.B.C.D. */
static bool is_address(const uint32_t told[static 4], int told_family, const uint32_t asked[static 4],
                       int asked_family)
{
        static const uint32_t any[4];

        if (asked_family == AF_INET && told_family == AF_INET6) {
                return memcmp(told, any, 8) == 0 && told[2] == htonl(0xffff) && told[3] == asked[0];
        }
        return told_family == asked_family && memcmp(told, asked, asked_family == AF_INET ? 4 : 16) == 0;
}

static bool fits(const struct inet_diag_msg *answer, const struct diag_question *question)
{
        const struct inet_diag_sockid *asked = &question->body.id, *told = &answer->id;
        int family = question->body.sdiag_family;

        return told->idiag_sport == asked->idiag_sport && told->idiag_dport == asked->idiag_dport &&
               is_address(told->idiag_src, answer->idiag_family, asked->idiag_src, family) &&
               is_address(told->idiag_dst, answer->idiag_family, asked->idiag_dst, family);
}

/* The message in a datagram. 0, or as diag_answer_read(). */
static int open_answer(const void *bytes, size_t length, const struct diag_question *question,
                       const struct inet_diag_msg **ret_answer, const char **ret_why)
{
        const struct nlmsghdr *header = bytes;

        if (length < sizeof(*header) || header->nlmsg_len > length) {
                *ret_why = "the kernel's answer is cut off";
                return -ENOENT;
        }
        if (header->nlmsg_seq != question->header.nlmsg_seq) {
                return -EAGAIN;
        }
        if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY) {
                *ret_why = "the kernel knows no such connection in this network namespace";
                return -ENOENT;
        }
        if (header->nlmsg_len < NLMSG_LENGTH(sizeof(struct inet_diag_msg))) {
                *ret_why = "the kernel's answer is cut off";
                return -ENOENT;
        }
        *ret_answer = NLMSG_DATA(header);
        return 0;
}

static bool is_nobody(uid_t uid)
{
        return uid == (uid_t)-1 || uid == UID_UNMAPPED;
}

/* NULL: the answer names the caller; else why it does not. */
static const char *judge(const struct inet_diag_msg *answer, const struct diag_question *question)
{
        if (!fits(answer, question)) {
                return "the kernel knows another socket in the caller's place";
        }
        /* FIN_WAIT: the client has sent all it wants to send, and still reads. */
        if (answer->idiag_state != TCP_ESTABLISHED && answer->idiag_state != TCP_FIN_WAIT1 &&
            answer->idiag_state != TCP_FIN_WAIT2) {
                return "the caller's end is closed already";
        }
        if (answer->idiag_inode == 0) {
                return "no process holds the caller's end any more";
        }
        if (is_nobody(answer->idiag_uid)) {
                return "the caller's user does not exist in the daemon's user namespace";
        }
        return NULL;
}

int diag_answer_read(const void *bytes, size_t length, const struct diag_question *question, uid_t *ret_uid,
                     const char **ret_why)
{
        const struct inet_diag_msg *answer = NULL;

        int r = open_answer(bytes, length, question, &answer, ret_why);
        if (r < 0) {
                return r;
        }
        *ret_why = judge(answer, question);
        if (*ret_why) {
                return -ENOENT;
        }
        *ret_uid = answer->idiag_uid;
        return 0;
}

int diag_answer_read_server(const void *bytes, size_t length, const struct diag_question *question,
                            uid_t *ret_uid, const char **ret_why)
{
        const struct inet_diag_msg *answer = NULL;

        int r = open_answer(bytes, length, question, &answer, ret_why);
        if (r < 0) {
                return r;
        }
        /* The answer is about the listening socket where there is no such connection any more. */
        if (answer->idiag_state == TCP_LISTEN) {
                return -ECONNRESET;
        }
        if (!fits(answer, question)) {
                *ret_why = "the kernel knows another connection in its place";
                return -ENOENT;
        }
        /* SYN_RECV: the listener wants to see the first bytes before it hears of the connection. */
        if (answer->idiag_state != TCP_ESTABLISHED && answer->idiag_state != TCP_SYN_RECV) {
                return -ECONNRESET;
        }
        if (answer->idiag_inode == 0) {
                return 1;
        }
        *ret_uid = answer->idiag_uid;
        return 0;
}

int diag_answer_read_listener(const void *bytes, size_t length, const struct diag_question *question,
                              uid_t *ret_uid, const char **ret_why)
{
        const struct inet_diag_msg *answer = NULL;

        int r = open_answer(bytes, length, question, &answer, ret_why);
        if (r < 0) {
                return r;
        }
        /* It may be bound to all addresses, and those of IPv6 besides: only its port is told as we asked. */
        if (answer->idiag_state != TCP_LISTEN || answer->id.idiag_sport != question->body.id.idiag_sport ||
            answer->idiag_inode == 0) {
                *ret_why = "nobody listens there any more";
                return -ENOENT;
        }
        *ret_uid = answer->idiag_uid;
        return 0;
}

/* What the kernel answers when it is asked who holds the other end of a TCP connection.
 *
 * Its look-up is not quite exact: with no such connection it may answer with a *listening* socket on the
 * client's port, or with one in TIME_WAIT (which has no owner and reads as root). So the answer's addresses,
 * ports, state and inode are all checked, and every doubt ends in "unknown". */
#include "daemon/diag_answer.h"

#include "lib/util.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

static bool fits(const struct inet_diag_msg *answer, const struct diag_question *question)
{
        const struct inet_diag_sockid *asked = &question->body.id, *told = &answer->id;
        size_t address_size = question->body.sdiag_family == AF_INET ? 4 : 16;

        return answer->idiag_family == question->body.sdiag_family &&
               told->idiag_sport == asked->idiag_sport && told->idiag_dport == asked->idiag_dport &&
               memcmp(told->idiag_src, asked->idiag_src, address_size) == 0 &&
               memcmp(told->idiag_dst, asked->idiag_dst, address_size) == 0;
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
        if (answer->idiag_uid == (uid_t)-1 || answer->idiag_uid == UID_UNMAPPED) {
                return "the caller's user does not exist in the daemon's user namespace";
        }
        return NULL;
}

int diag_answer_read(const void *bytes, size_t length, const struct diag_question *question, uid_t *ret_uid,
                     const char **ret_why)
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
        const struct inet_diag_msg *answer = NLMSG_DATA(header);
        *ret_why = judge(answer, question);
        if (*ret_why) {
                return -ENOENT;
        }
        *ret_uid = answer->idiag_uid;
        return 0;
}

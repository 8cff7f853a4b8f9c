/* Any bytes as the kernel's answer: a caller is named only by an answer to the question asked, about a
 * socket that somebody holds. */
#include "lib/diag_answer.h"
#include "lib/util.h"
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>

#define LOOPBACK_BE htonl(INADDR_LOOPBACK)

/* 127.0.0.1, as IPv4 sockets are told, or as those of IPv6 that speak IPv4. */
static bool is_loopback(const struct inet_diag_msg *answer, const uint32_t address[static 4])
{
        return answer->idiag_family == AF_INET
                       ? address[0] == LOOPBACK_BE
                       : answer->idiag_family == AF_INET6 && address[0] == 0 && address[1] == 0 &&
                                 address[2] == htonl(0xffff) && address[3] == LOOPBACK_BE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        /* A copy, aligned as a netlink buffer is. */
        _cleanup_free_ void *bytes = malloc(size + 1);
        const struct diag_question question = {
                .header = { .nlmsg_seq = 1 },
                .body = { .sdiag_family = AF_INET,
                          .id = { .idiag_sport = 0x3412,
                                  .idiag_dport = 0x7856,
                                  .idiag_src = { LOOPBACK_BE },
                                  .idiag_dst = { LOOPBACK_BE } } },
        };
        const char *why = NULL;
        uid_t uid = 4711;

        must(bytes);
        memcpy(bytes, data, size);
        int r = diag_answer_read(bytes, size, &question, &uid, &why);
        if (r == 0) {
                const struct inet_diag_msg *answer = NLMSG_DATA((struct nlmsghdr *)bytes);
                must(size >= NLMSG_LENGTH(sizeof(*answer)));
                must(answer->idiag_uid == uid && uid != UID_UNMAPPED && uid != (uid_t)-1);
                must(answer->idiag_inode != 0 && answer->id.idiag_sport == 0x3412 &&
                     answer->id.idiag_dport == 0x7856);
                must(is_loopback(answer, answer->id.idiag_src) && is_loopback(answer, answer->id.idiag_dst));
        } else {
                must((r == -EAGAIN || (r == -ENOENT && why)) && uid == 4711);
        }
        return 0;
}

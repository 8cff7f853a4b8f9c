/* Any bytes as the kernel's answer: a caller is named only by an answer to the question asked, about a
 * socket that somebody holds. */
#include "lib/diag_answer.h"
#include "lib/util.h"
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        /* A copy, aligned as a netlink buffer is. */
        _cleanup_free_ void *bytes = malloc(size + 1);
        const struct diag_question question = {
                .header = { .nlmsg_seq = 1 },
                .body = { .sdiag_family = AF_INET,
                          .id = { .idiag_sport = 0x3412,
                                  .idiag_dport = 0x7856,
                                  .idiag_src = { 0x0100007f },
                                  .idiag_dst = { 0x0100007f } } },
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
        } else {
                must((r == -EAGAIN || (r == -ENOENT && why)) && uid == 4711);
        }
        return 0;
}

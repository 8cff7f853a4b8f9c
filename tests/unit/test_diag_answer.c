/* The owner of a socket, by the answer of the kernel: answers that name an owner, and those that must not.
 * For a caller's end see also tests/fuzz/fuzz_diag_answer.c and tests/security. */
#include "lib/diag_answer.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

/* In the order of the net, also where that is the processor's; htonl() is no constant. */
#define BE32(host)  (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? (host) : __builtin_bswap32(host))
#define LOOPBACK_BE BE32(INADDR_LOOPBACK)
#define MAPPED_BE   BE32(0xffffu)

struct reply {
        struct nlmsghdr header;
        struct inet_diag_msg body;
};

static const struct diag_end server = { .port_be = 0x3412, .address_be = { LOOPBACK_BE } },
                             client = { .port_be = 0x7856, .address_be = { LOOPBACK_BE } }, nobody = { 0 };

/* An answer that fits the question. */
static struct reply reply_to(const struct diag_question *question, uint8_t state, uint32_t inode, uid_t uid)
{
        return (struct reply){
                .header = { .nlmsg_len = sizeof(struct reply),
                            .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                            .nlmsg_seq = question->header.nlmsg_seq },
                .body = { .idiag_family = question->body.sdiag_family,
                          .idiag_state = state,
                          .id = question->body.id,
                          .idiag_uid = uid,
                          .idiag_inode = inode },
        };
}

static void question(void **state)
{
        struct diag_question asked;

        diag_question_write(&asked, AF_INET, &server, &client, 7);
        assert_int_equal(asked.header.nlmsg_len, sizeof(asked));
        assert_int_equal(asked.header.nlmsg_seq, 7);
        assert_int_equal(asked.body.id.idiag_sport, server.port_be);
        assert_int_equal(asked.body.id.idiag_dport, client.port_be);
        assert_int_equal(asked.body.id.idiag_src[0], LOOPBACK_BE);
}

static void servers_end(void **state)
{
        static const struct {
                uint8_t state;
                uint32_t inode;
                int expected;
        } rows[] = {
                { TCP_ESTABLISHED, 99, 0 },
                { TCP_ESTABLISHED, 0, 1 },
                { TCP_SYN_RECV, 0, 1 },
                { TCP_FIN_WAIT1, 0, -ECONNRESET },
                { TCP_TIME_WAIT, 0, -ECONNRESET },
                { TCP_CLOSE_WAIT, 99, -ECONNRESET },
                { TCP_LISTEN, 99, -ECONNRESET },
        };
        struct diag_question asked;

        diag_question_write(&asked, AF_INET, &server, &client, 7);
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct reply reply = reply_to(&asked, rows[i].state, rows[i].inode, 1000);
                const char *why = NULL;
                uid_t uid = 4711;

                assert_int_equal(diag_answer_read_server(&reply, sizeof(reply), &asked, &uid, &why),
                                 rows[i].expected);
                assert_int_equal(uid, rows[i].expected == 0 ? 1000 : 4711);
                assert_null(why);
        }
}

/* SYN_SENT: a socket in place of a client that is gone, which our end, in CLOSE_WAIT, does not accept. */
static void clients_end(void **state)
{
        static const struct {
                uint8_t state;
                uint32_t inode;
                int expected;
        } rows[] = {
                { TCP_ESTABLISHED, 99, 0 },      { TCP_FIN_WAIT1, 99, 0 },
                { TCP_FIN_WAIT2, 99, 0 },        { TCP_SYN_SENT, 99, -ENOENT },
                { TCP_SYN_RECV, 99, -ENOENT },   { TCP_TIME_WAIT, 99, -ENOENT },
                { TCP_CLOSE_WAIT, 99, -ENOENT }, { TCP_CLOSING, 99, -ENOENT },
                { TCP_LAST_ACK, 99, -ENOENT },   { TCP_CLOSE, 99, -ENOENT },
                { TCP_LISTEN, 99, -ENOENT },     { TCP_ESTABLISHED, 0, -ENOENT },
        };
        struct diag_question asked;

        diag_question_write(&asked, AF_INET, &client, &server, 7);
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct reply reply = reply_to(&asked, rows[i].state, rows[i].inode, 1000);
                const char *why = NULL;
                uid_t uid = 4711;

                assert_int_equal(diag_answer_read(&reply, sizeof(reply), &asked, &uid, &why),
                                 rows[i].expected);
                assert_int_equal(uid, rows[i].expected == 0 ? 1000 : 4711);
                assert_int_equal(why == NULL, rows[i].expected == 0);
        }
}

static void another_connection(void **state)
{
        struct diag_question asked;
        const char *why = NULL;
        uid_t uid = 4711;

        diag_question_write(&asked, AF_INET, &server, &client, 7);
        struct reply reply = reply_to(&asked, TCP_ESTABLISHED, 99, 0);
        reply.body.id.idiag_dport++;
        assert_int_equal(diag_answer_read_server(&reply, sizeof(reply), &asked, &uid, &why), -ENOENT);
        reply.header.nlmsg_seq++;
        assert_int_equal(diag_answer_read_server(&reply, sizeof(reply), &asked, &uid, &why), -EAGAIN);
        assert_int_equal(diag_answer_read_server(&reply, 8, &asked, &uid, &why), -ENOENT);
        assert_int_equal(uid, 4711);
}

static void listener(void **state)
{
        struct diag_question asked;
        const char *why = NULL;
        uid_t uid = 4711;

        diag_question_write(&asked, AF_INET, &server, &nobody, 7);
        struct reply reply = reply_to(&asked, TCP_LISTEN, 99, 1000);
        reply.body.id.idiag_src[0] = 0; /* bound to all addresses */
        reply.body.idiag_family = AF_INET6;
        assert_int_equal(diag_answer_read_listener(&reply, sizeof(reply), &asked, &uid, &why), 0);
        assert_int_equal(uid, 1000);

        uid = 4711;
        reply.body.idiag_state = TCP_ESTABLISHED;
        assert_int_equal(diag_answer_read_listener(&reply, sizeof(reply), &asked, &uid, &why), -ENOENT);
        reply.body.idiag_state = TCP_LISTEN;
        reply.body.idiag_inode = 0;
        assert_int_equal(diag_answer_read_listener(&reply, sizeof(reply), &asked, &uid, &why), -ENOENT);
        reply.body.idiag_inode = 99;
        reply.body.id.idiag_sport++;
        assert_int_equal(diag_answer_read_listener(&reply, sizeof(reply), &asked, &uid, &why), -ENOENT);
        assert_int_equal(diag_answer_read_listener(&reply, 8, &asked, &uid, &why), -ENOENT);
        assert_int_equal(uid, 4711);
}

/* A client that speaks IPv4 by a socket of family AF_INET6 is reported with that family and mapped
 * addresses; the question was for the plain ones, and the same goes for a server's end. */
static void dual_stack(void **state)
{
        static const uint32_t others[][4] = {
                { LOOPBACK_BE, 0, 0, 0 },            /* not mapped */
                { 0, 0, 0, LOOPBACK_BE },            /* "compatible", which nobody speaks */
                { 1, 0, MAPPED_BE, LOOPBACK_BE },    /* longer prefixes */
                { 0, 1, MAPPED_BE, LOOPBACK_BE },    /* likewise */
                { 0, 0, MAPPED_BE, LOOPBACK_BE + 1 } /* somebody else's address */
        };
        struct diag_question asked;
        const char *why = NULL;
        uid_t uid = 4711;

        diag_question_write(&asked, AF_INET, &client, &server, 7);
        struct reply good = reply_to(&asked, TCP_ESTABLISHED, 99, 1000);
        good.body.idiag_family = AF_INET6;
        memcpy(good.body.id.idiag_src, (uint32_t[]){ 0, 0, MAPPED_BE, LOOPBACK_BE }, 16);
        memcpy(good.body.id.idiag_dst, (uint32_t[]){ 0, 0, MAPPED_BE, LOOPBACK_BE }, 16);
        assert_int_equal(diag_answer_read(&good, sizeof(good), &asked, &uid, &why), 0);
        assert_int_equal(diag_answer_read_server(&good, sizeof(good), &asked, &uid, &why), 0);
        assert_int_equal(uid, 1000);

        uid = 4711;
        for (size_t i = 0; i < 2 * ARRAY_SIZE(others); i++) {
                struct reply reply = good;
                memcpy(i % 2 ? reply.body.id.idiag_src : reply.body.id.idiag_dst, others[i / 2], 16);
                assert_int_equal(diag_answer_read(&reply, sizeof(reply), &asked, &uid, &why), -ENOENT);
                assert_int_equal(diag_answer_read_server(&reply, sizeof(reply), &asked, &uid, &why),
                                 -ENOENT);
        }
        struct reply plain = good; /* IPv4 by its family, IPv6 by its addresses */
        plain.body.idiag_family = AF_INET;
        assert_int_equal(diag_answer_read(&plain, sizeof(plain), &asked, &uid, &why), -ENOENT);

        /* The other way round: a question for IPv6 has no answer about IPv4. */
        diag_question_write(&asked, AF_INET6, &client, &server, 7);
        struct reply other = reply_to(&asked, TCP_ESTABLISHED, 99, 1000);
        other.body.idiag_family = AF_INET;
        assert_int_equal(diag_answer_read(&other, sizeof(other), &asked, &uid, &why), -ENOENT);
        assert_int_equal(uid, 4711);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(question),    cmocka_unit_test(servers_end),
                cmocka_unit_test(clients_end), cmocka_unit_test(another_connection),
                cmocka_unit_test(listener),    cmocka_unit_test(dual_stack)
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}

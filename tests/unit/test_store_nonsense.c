/* Answers that no store of ours gives, and the memory that they take. */
#include "lib/store_reply.h"
#include "tests/unit/store_answers.h"
#include "tests/unit/unit.h"

#include <malloc.h>
#include <stdio.h>

/* Ends, the answer, at once. */
static void assert_nonsense(const char *text, size_t size)
{
        for (size_t piece = 1; piece <= size; piece += piece < 8 ? 1 : 997) {
                _cleanup_(store_reply_freep) struct store_reply *reply = expect_claim(NULL);
                enum store_state how = STORE_FINE;

                assert_int_equal(feed(reply, text, size, piece, &how), 1);
                assert_int_equal(how, STORE_NONSENSE);
                how = STORE_FINE;
                assert_int_equal(store_reply_feed(reply, LEASED, sizeof(LEASED) - 1, &how), 1);
                assert_int_equal(how, STORE_NONSENSE); /* and stays so */
        }
}

#define NONSENSE(text) assert_nonsense((text), sizeof(text) - 1)

static void nonsense_is_nonsense(void **state)
{
        NONSENSE("HTTP/1.1 400 Bad Request\r\n");
        NONSENSE("\x15\x03\x01\0\2\2\x16"); /* an alert of TLS */
        NONSENSE("+PONG\r\n");              /* another word */
        NONSENSE(QUEUED);                   /* too early */
        NONSENSE("+\r\n");
        NONSENSE("$2\r\nOK\r\n"); /* a word of another kind */
        NONSENSE("$1\r\n1\r\n");
        NONSENSE(":1\r\n");
        NONSENSE(NIL);
        NONSENSE("*-1\r\n");
        NONSENSE("*0\r\n");
        NONSENSE("*1\r\n"); /* too early */
        NONSENSE(OK OK);
        NONSENSE(OK QUEUED "*6\r\n");
        NONSENSE(OK QUEUED QUEUED QUEUED QUEUED QUEUED QUEUED QUEUED); /* one too many */
        NONSENSE(OK QUEUED QUEUED QUEUED QUEUED QUEUED QUEUED NIL);
        NONSENSE(OK QUEUED QUEUED QUEUED QUEUED QUEUED QUEUED "*-1\r\n");
        NONSENSE(OK QUEUED QUEUED QUEUED QUEUED QUEUED QUEUED "*5\r\n");
        NONSENSE(OK QUEUED QUEUED QUEUED QUEUED QUEUED QUEUED "*7\r\n");
        NONSENSE(BEGIN_CLAIM ":1796000000\r\n"); /* a time of another kind */
        NONSENSE(BEGIN_CLAIM "*3\r\n");
        NONSENSE(BEGIN_CLAIM "*2\r\n:1796000000\r\n");
        NONSENSE(BEGIN_CLAIM "*2\r\n*2\r\n");
        NONSENSE(BEGIN_CLAIM "*2\r\n" OK);
        NONSENSE(BEGIN_CLAIM "*2\r\n" NIL);
        NONSENSE(BEGIN_CLAIM "*2\r\n$0\r\n\r\n");
        NONSENSE(BEGIN_CLAIM "*2\r\n$2\r\n1:\r\n");
        NONSENSE(BEGIN_CLAIM "*2\r\n$2\r\n1/\r\n");
        NONSENSE(BEGIN_CLAIM "*2\r\n$12\r\n253402300799\r\n$1\r\n1\r\n");
        NONSENSE(BEGIN_CLAIM "*2\r\n$2\r\n-1\r\n");
        NONSENSE(BEGIN_CLAIM "*2\r\n$12\r\n999999999999\r\n$1\r\n0\r\n"); /* after the year 9999 */
        NONSENSE(BEGIN_CLAIM "*2\r\n$13\r\n1796000000000\r\n");
        NONSENSE(BEGIN_CLAIM "*2\r\n$1\r\n1\r\n$7\r\n1000000\r\n");
        NONSENSE(BEGIN_CLAIM TIME_SAYS "$1\r\n1\r\n"); /* a number of another kind */
        NONSENSE(BEGIN_CLAIM TIME_SAYS OK);
        NONSENSE(BEGIN_CLAIM TIME_SAYS "*6\r\n");
        NONSENSE(BEGIN_CLAIM TIME_SAYS NIL);
        NONSENSE(BEGIN_CLAIM TIME_SAYS ":-3\r\n");
        NONSENSE(BEGIN_CLAIM TIME_SAYS ":99999999999999999999\r\n");
        NONSENSE(BEGIN_CLAIM TIME_SAYS ":1x\r\n");
        NONSENSE(BEGIN_CLAIM TIME_SAYS ":-2\r\n:1\r\n"); /* a value of another kind */
        NONSENSE(BEGIN_CLAIM TIME_SAYS ":-2\r\n" OK);
        NONSENSE(BEGIN_CLAIM TIME_SAYS ":-2\r\n*1\r\n");
        NONSENSE(BEGIN_CLAIM TIME_SAYS ":-2\r\n" NIL ":1\r\n"); /* a lease of another kind */
        NONSENSE(BEGIN_CLAIM TIME_SAYS ":-2\r\n" NIL QUEUED);
        NONSENSE(BEGIN_CLAIM TIME_SAYS ":-2\r\n" NIL OK ":25000\r\n" OTHERS); /* ours, and another's */
        NONSENSE(BEGIN_CLAIM TIME_SAYS ":-2\r\n" NIL OK ":25000\r\n" NIL);
}

static void more_than_was_asked_for_is_nonsense(void **state)
{
        _cleanup_(store_reply_freep) struct store_reply *reply = expect_claim(NULL);
        enum store_state how = STORE_FINE;

        assert_int_equal(FEED(reply, LEASED "+", &how), 1);
        assert_int_equal(how, STORE_NONSENSE);
}

/* RESP 3, where hiredis reads it; where not, it is nonsense all the same. */
static void another_version_is_nonsense(void **state)
{
        NONSENSE("%1\r\n+a\r\n+b\r\n");
        NONSENSE(">2\r\n+a\r\n+b\r\n");
        NONSENSE("~1\r\n+a\r\n");
        NONSENSE("_\r\n");
        NONSENSE("#t\r\n");
        NONSENSE(",1.5\r\n");
        NONSENSE("(12345\r\n");
        NONSENSE("=6\r\ntxt:OK\r\n");
        NONSENSE(OK QUEUED QUEUED QUEUED QUEUED QUEUED QUEUED "~6\r\n");
        NONSENSE(BEGIN_CLAIM "%1\r\n");
        NONSENSE(BEGIN_CLAIM TIME_SAYS ",1\r\n");
        NONSENSE(BEGIN_CLAIM TIME_SAYS ":-2\r\n=5\r\ntxt:v\r\n");
}

/* All that is on the heap, in blocks of the allocator and in mappings. */
static size_t heap_in_use(void)
{
        struct mallinfo2 info = mallinfo2();

        return info.uordblks + info.hblkhd;
}

/* Lengths and counts of something that is never sent, and depths. */
static void nothing_is_taken_before_it_is_there(void **state)
{
        static const char *const texts[] = {
                "*1000000000\r\n",
                "*2147483647\r\n",
                "*9223372036854775807\r\n",
                OK QUEUED QUEUED QUEUED QUEUED QUEUED QUEUED "*1000000000\r\n",
                OK QUEUED QUEUED QUEUED QUEUED QUEUED QUEUED "*4294967302\r\n", /* 6, in 32 bits */
                BEGIN_CLAIM "*1000000000\r\n",
                BEGIN_CLAIM "*4294967298\r\n",
                BEGIN_CLAIM "*2\r\n*2\r\n*2\r\n*2\r\n*2\r\n*2\r\n*2\r\n*2\r\n*2\r\n*2\r\n",
                "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n",
        };

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                _cleanup_(store_reply_freep) struct store_reply *reply = expect_claim(NULL);
                size_t before = heap_in_use();
                enum store_state how = STORE_FINE;

                assert_int_equal(feed(reply, texts[i], strlen(texts[i]), 5, &how), 1);
                assert_int_equal(how, STORE_NONSENSE);
                assert_true(heap_in_use() < before + 4096);
        }
}

/* A bulk that says that it is long is waited for like any other, but nothing is taken for it. */
static void a_long_bulk_is_waited_for_within_bounds(void **state)
{
        static const char *const lengths[] = { "8193", "1000000000", "4294967295", "9223372036854775807" };
        static const char filler[1000];

        for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
                _cleanup_(store_reply_freep) struct store_reply *reply = expect_claim(NULL);
                size_t before = heap_in_use(), n = 0;
                enum store_state how = STORE_FINE;
                char text[256];
                int length = snprintf(text, sizeof(text), "%s$%s\r\n", BEGIN_CLAIM TIME_SAYS ":1\r\n",
                                      lengths[i]);
                int r = feed(reply, text, (size_t)length, 7, &how);

                assert_true(heap_in_use() < before + 4096);
                while (r == 0) {
                        r = store_reply_feed(reply, filler, sizeof(filler), &how);
                        n += sizeof(filler);
                        assert_true(n <= STORE_REPLY_MAX + sizeof(filler));
                        assert_true(heap_in_use() < before + (size_t)4 * STORE_REPLY_MAX);
                }
                assert_int_equal(r, 1);
                assert_int_equal(how, STORE_NONSENSE);
        }
}

static void a_value_may_be_as_long_as_ours(void **state)
{
        _cleanup_(store_reply_freep) struct store_reply *reply = expect_claim(NULL);
        static char value[SHARE_VALUE_MAX];
        enum store_state how = STORE_NONSENSE;

        memset(value, '\n', sizeof(value));
        assert_int_equal(FEED(reply, BEGIN_CLAIM TIME_SAYS ":1\r\n$8192\r\n", &how), 0);
        assert_int_equal(store_reply_feed(reply, value, sizeof(value), &how), 0);
        assert_int_equal(FEED(reply, "\r\n" NIL ":1\r\n$8192\r\n", &how), 0);
        assert_int_equal(store_reply_feed(reply, value, sizeof(value), &how), 0);
        assert_int_equal(FEED(reply, "\r\n", &how), 1);
        assert_int_equal(how, STORE_FINE);
        assert_int_equal(store_reply_claim(reply)->n_session, SHARE_VALUE_MAX);
        assert_memory_equal(store_reply_claim(reply)->session, value, sizeof(value));
        assert_memory_equal(store_reply_claim(reply)->lease, value, sizeof(value));
        assert_false(store_reply_claim(reply)->lease_ours);
}

/* A line without an end, and an empty piece. */
static void a_flood_ends(void **state)
{
        _cleanup_(store_reply_freep) struct store_reply *reply = expect_claim(NULL);
        static char flood[STORE_REPLY_MAX + 1];
        enum store_state how = STORE_FINE;

        memset(flood, '+', sizeof(flood));
        assert_int_equal(store_reply_feed(reply, NULL, 0, &how), 0);
        assert_int_equal(store_reply_feed(reply, flood, STORE_REPLY_MAX, &how), 0);
        assert_int_equal(store_reply_feed(reply, flood, 1, &how), 1);
        assert_int_equal(how, STORE_NONSENSE);

        _cleanup_(store_reply_freep) struct store_reply *again = expect_claim(NULL);
        how = STORE_FINE;
        assert_int_equal(store_reply_feed(again, flood, sizeof(flood), &how), 1);
        assert_int_equal(how, STORE_NONSENSE);
        assert_null(store_reply_free(NULL));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(nonsense_is_nonsense),
                cmocka_unit_test(more_than_was_asked_for_is_nonsense),
                cmocka_unit_test(another_version_is_nonsense),
                cmocka_unit_test(nothing_is_taken_before_it_is_there),
                cmocka_unit_test(a_long_bulk_is_waited_for_within_bounds),
                cmocka_unit_test(a_value_may_be_as_long_as_ours),
                cmocka_unit_test(a_flood_ends),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}

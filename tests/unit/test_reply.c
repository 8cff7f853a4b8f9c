/* Heads of HTTP answers: those of an eqp-brokerd, and what is none. */
#include "client/reply.h"
#include "tests/unit/unit.h"

#include <stdio.h>

#define OK "HTTP/1.1 200 OK\r\n"

static void good(void **state)
{
        static const char text[] =
                OK "Content-Type: application/json; charset=utf-8\r\ncontent-length:\t 12 \r\n"
                   "Retry-After: 7\r\nX: a: b\r\n\r\n{}";
        struct reply reply;

        assert_int_equal(reply_read(text, strlen(text), &reply), strlen(text) - 2);
        assert_int_equal(reply.status, 200);
        assert_true(reply.is_json && reply.has_length && !reply.closes);
        assert_int_equal(reply.length, 12);
        assert_int_equal(reply.retry_after_sec, 7);
        for (size_t length = 0; length < strlen(text) - 2; length++) { /* not all there yet */
                assert_int_equal(reply_read(text, length, &reply), 0);
        }
}

static void read_one(struct reply *ret, const char *text)
{
        assert_int_equal(reply_read(text, strlen(text), ret), strlen(text));
}

static void variants(void **state)
{
        struct reply reply;

        read_one(&reply, "HTTP/1.0 503\r\n\r\n");
        assert_true(reply.status == 503 && reply.closes && !reply.has_length && !reply.is_json);
        read_one(&reply, OK "Connection: close\r\nContent-Length: 0\r\n\r\n");
        assert_true(reply.closes && reply.has_length && reply.length == 0);
        read_one(&reply, OK "Connection: Keep-Alive\r\n\r\n");
        assert_false(reply.closes);
        read_one(&reply, OK "Content-Type: application/jsonp\r\nContent-Type: text/plain\r\n\r\n");
        assert_false(reply.is_json);
        read_one(&reply, "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n");
        assert_true(reply.has_length && reply.length == 0);
        read_one(&reply, "HTTP/1.1 100 Continue\r\n\r\n");
        assert_true(reply.has_length && reply.length == 0);
        read_one(&reply, OK "Content-Length: 5\r\nContent-Length: 5\r\n\r\n");
        assert_int_equal(reply.length, 5);
        read_one(&reply, OK "Content-Length: 99999999999999999999999999999999\r\n\r\n");
        assert_true(reply.length == UINT64_C(1) << 53);
        static const char *const waits[] = { "-1", "soon", "", "1.5", "Thu, 26 Nov 2026 08:00:00 GMT" };
        for (size_t i = 0; i < ARRAY_SIZE(waits); i++) {
                char text[128] = OK "Retry-After: ";
                strcat(strcat(text, waits[i]), "\r\n\r\n");
                read_one(&reply, text);
                assert_int_equal(reply.retry_after_sec, 0);
        }
        read_one(&reply, OK "Retry-After: 99999999999\r\n\r\n");
        assert_int_equal(reply.retry_after_sec, 86400);
}

/* Sent back as it is, so it is one or it is none. */
static void etags(void **state)
{
        static const char *const good[] = {
                "\"\"", "W/\"0123456789abcdef\"", "\"a,b;c*\\\"",
                "\"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghij\""
        };
        static const char *const none[] = {
                "",
                "\"",
                "*",
                "abc",
                "W/",
                "W/\"",
                "w/\"a\"",
                "W/ \"a\"",
                "\"a b\"",
                "\"a\"b\"",
                "\"\x7f\"",
                "\"\xc3\xa4\"",
                "\"a\tb\"",
                "\"a\", \"b\"",
                "\"a\"\r\nETag: \"a\"",
                "\"a\"\r\netag: b",
                "\"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk\"",
        };
        struct reply reply;
        char text[256];

        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                (void)snprintf(text, sizeof(text), OK "eTag: \t%s \r\n\r\n", good[i]);
                read_one(&reply, text);
                assert_string_equal(reply.etag, good[i]);
        }
        for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
                (void)snprintf(text, sizeof(text), OK "ETag: %s\r\n\r\n", none[i]);
                read_one(&reply, text);
                assert_string_equal(reply.etag, "");
        }
}

static void bad(void **state)
{
        static const char *const texts[] = {
                "220 mail.example ESMTP\r\n",
                "HTTP/2 200\r\n\r\n",
                "HTTP/1.2 200 OK\r\n\r\n",
                "HTTP/1.1  200 OK\r\n\r\n",
                "HTTP/1.1 99 OK\r\n\r\n",
                "HTTP/1.1 099 OK\r\n\r\n",
                "HTTP/1.1 2000 OK\r\n\r\n",
                "HTTP/1.1 2x0 OK\r\n\r\n",
                "HTTP/1.1 20\r\n\r\n",
                OK "no colon\r\n\r\n",
                OK ": no name\r\n\r\n",
                OK "A: b\r\n folded: c\r\n\r\n",
                OK "A : b\r\n\r\n",
                OK "Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
                OK "Content-Length: 5, 5\r\n\r\n",
                OK "Content-Length: -5\r\n\r\n",
                OK "Content-Length:\r\n\r\n",
                OK "Transfer-Encoding: chunked\r\n\r\n",
        };
        static char endless[REPLY_HEAD_MAX];
        struct reply reply;

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                assert_int_equal(reply_read(texts[i], strlen(texts[i]), &reply), -EPROTO);
        }
        memset(endless, 'x', sizeof(endless));
        memcpy(endless, OK, strlen(OK));
        assert_int_equal(reply_read(endless, sizeof(endless) - 1, &reply), 0);
        assert_int_equal(reply_read(endless, sizeof(endless), &reply), -EPROTO);
        static const char nul[] = OK "A\0: b\r\n\r\n";
        assert_int_equal(reply_read(nul, sizeof(nul) - 1, &reply), -EPROTO);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(good), cmocka_unit_test(variants),
                                            cmocka_unit_test(etags), cmocka_unit_test(bad) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}

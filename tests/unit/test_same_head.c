/* A head that comes again: it is the same only if all of its bytes are, at the same place. */
#include "daemon/frontend/http/same_head.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <stdio.h>

#define HEAD "GET /v1/sandbox/token HTTP/1.1\r\nHost: localhost:9377\r\nEQP-Client: a\r\n\r\n"

/* As libmicrohttpd leaves a head in its buffer, and tells of it. */
struct heard {
        char buffer[1024];
        struct head_bytes head;
        struct guard_facts facts;
};

static void hear(struct heard *heard, const char *text)
{
        char *line = heard->buffer, *space, *version;

        heard->facts = (struct guard_facts){ 0 };
        (void)snprintf(heard->buffer, sizeof(heard->buffer), "%s", text);
        for (char *at = heard->buffer; *at; at++) {
                *at = *at == '\r' || *at == '\n' ? '\0' : *at;
        }
        space = strchr(line, ' ');
        version = strrchr(line, ' ');
        *space = *version = '\0';
        head_bytes_line(&heard->head, line, space + 1, strlen(space + 1), version + 1);
        for (line = version + strlen(version + 1) + 3; *line; line += strlen(line) + 2) {
                char *value = strstr(line, ": ");
                const char *name = line;
                *value = '\0';
                line = value + 2;
                head_bytes_header(&heard->head, name, line);
                guard_note(&heard->facts, name, line);
        }
}

static const struct route_match match = { .environment = "sandbox" };

static void keep(struct same_head *same, struct heard *heard, const char *text)
{
        hear(heard, text);
        same_head_keep(same, &heard->head, &heard->facts, &match);
}

static void test_all_bytes_count(void **state)
{
        struct same_head same = { 0 };
        struct heard heard = { 0 };

        assert_false(same_head_is(&same, heard.buffer, 2));
        keep(&same, &heard, HEAD);
        assert_int_equal(same.length, strlen(HEAD));
        assert_string_equal(same.facts.client, "a");
        assert_string_equal(same.match.environment, "sandbox");
        hear(&heard, HEAD);
        assert_true(same_head_is(&same, heard.buffer, 2));
        for (size_t i = 0; i < strlen(HEAD); i++) {
                heard.buffer[i] ^= 1;
                assert_false(same_head_is(&same, heard.buffer, 2));
                heard.buffer[i] ^= 1;
        }
        assert_true(same_head_is(&same, heard.buffer, 2));
}

/* "EQP-Client\0 a" in place of "EQP-Client: a" looks the same once libmicrohttpd has cut it up. */
static void test_number_of_headers_counts(void **state)
{
        struct same_head same = { 0 };
        struct heard heard;

        keep(&same, &heard, HEAD);
        assert_false(same_head_is(&same, heard.buffer, 1));
        assert_false(same_head_is(&same, heard.buffer, 3));
        assert_false(same_head_is(&same, heard.buffer, -1));
}

static void test_place_counts(void **state)
{
        struct same_head same = { 0 };
        struct heard heard, other;

        keep(&same, &heard, HEAD);
        hear(&other, HEAD);
        assert_false(same_head_is(&same, other.buffer, 2));
}

static void test_not_every_head_is_kept(void **state)
{
        static const char *const heads[] = {
                "GET / HTTP/1.1\r\nAuthorization: Basic eDp5\r\n\r\n",
                "GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
                "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
                "GET / HTTP/1.1\r\nExpect: 100-continue\r\n\r\n",
        };
        struct same_head same = { 0 };
        struct heard heard;
        char text[SAME_HEAD_MAX + 64];

        for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
                keep(&same, &heard, HEAD);
                keep(&same, &heard, heads[i]);
                assert_int_equal(same.length, 0);
        }
        for (int longer = 0; longer < 2; longer++) {
                int begin = (int)strlen("GET / HTTP/1.1\r\nX: \r\n\r\n");
                (void)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nX: %0*d\r\n\r\n",
                               SAME_HEAD_MAX - begin + longer, 1);
                keep(&same, &heard, text);
                assert_int_equal(same.length, longer ? 0 : SAME_HEAD_MAX);
        }
        hear(&heard, HEAD);
        heard.head.odd = true;
        same_head_keep(&same, &heard.head, &heard.facts, &match);
        assert_int_equal(same.length, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_all_bytes_count),
                cmocka_unit_test(test_number_of_headers_counts),
                cmocka_unit_test(test_place_counts),
                cmocka_unit_test(test_not_every_head_is_kept),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

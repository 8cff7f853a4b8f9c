/* The head of an answer: its reading, and that nothing secret is shown of it. */
#include "lib/answer_head.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <stdio.h>

#define ID     "AQ17NZ49WC"
#define SECRET "sw0rdfish"

static const char *const hidden[] = { NULL, "", SECRET, ID };

/* Each line in exactly as much memory, so that a sanitizer sees every byte read too far. */
static void take(struct answer_head *head, const char *line)
{
        size_t length = strlen(line);
        _cleanup_free_ char *exact = malloc(length + (length == 0));

        assert_non_null(exact);
        memcpy(exact, line, length);
        answer_head_take(head, exact, length, hidden, ARRAY_SIZE(hidden));
}

static struct answer_head read_lines(const char *const *lines, size_t n)
{
        struct answer_head head = { 0 };

        for (size_t i = 0; i < n; i++) {
                take(&head, lines[i]);
        }
        return head;
}
#define READ(...)                                                                                           \
        read_lines((const char *const[]){ __VA_ARGS__ }, ARRAY_SIZE(((const char *const[]){ __VA_ARGS__ })))

static void reads_what_counts(void **state)
{
        struct answer_head head =
                READ("HTTP/1.1 503 x\r\n", "Content-Type:text/html ; charset=iso-8859-1\r\n",
                     "retry-after: \t30 \r\n", "DATE: Sun, 06 Nov 1994 08:49:37 GMT\r\n", "X-Other: 1\n",
                     "no colon\r\n", "\r\n");

        assert_true(head.whole);
        assert_string_equal(head.content_type, "text/html");
        assert_true(head.has_retry_after && head.has_date && !head.networks);
        assert_string_equal(head.retry_after, "30");
        assert_string_equal(head.date, "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_string_equal(head.header_names, "content-type, retry-after, date, x-other");
        assert_string_equal(head.redirect_host, "");
}

static void a_coding_that_nobody_asked_for(void **state)
{
        static const char *const plain[] = { "Transfer-Encoding: chunked\r\n", "transfer-encoding:CHUNKED\n",
                                             "Content-Encoding: gzip\r\n", "X-Transfer-Encoding: gzip\r\n" };
        static const char *const coded[] = { "Transfer-Encoding: gzip\r\n",
                                             "TRANSFER-ENCODING:br\r\n",
                                             "Transfer-Encoding: gzip, chunked\r\n",
                                             "Transfer-Encoding: chunked, gzip\r\n",
                                             "Transfer-Encoding:\r\n",
                                             "Transfer-Encoding: chunkedgzip\r\n" };

        for (size_t i = 0; i < ARRAY_SIZE(plain); i++) {
                assert_false(READ("HTTP/1.1 200 x\r\n", plain[i], "\r\n").coded);
        }
        for (size_t i = 0; i < ARRAY_SIZE(coded); i++) {
                assert_true(READ("HTTP/1.1 200 x\r\n", coded[i], "\r\n").coded);
                assert_true(READ("HTTP/1.1 200 x\r\n", plain[0], coded[i], plain[0], "\r\n").coded);
                assert_false(READ("HTTP/1.1 103 x\r\n", coded[i], "\r\n", "HTTP/1.1 200 x\r\n").coded);
        }
}

static void a_new_status_begins_anew(void **state)
{
        struct answer_head head = READ("HTTP/1.1 200 Connection established\r\n", "Retry-After: 5\r\n",
                                       "Date: x\r\n", "CF-Ray: 1\r\n", "Location: https://a/\r\n",
                                       "Content-Type: x/proxy\r\n", "\r\n", "HTTP/1.1 429 y\r\n");

        assert_false(head.whole || head.has_retry_after || head.has_date || head.networks);
        assert_string_equal(head.content_type, "");
        assert_string_equal(head.header_names, "");
        assert_string_equal(head.redirect_host, "");
}

static void trailers_count_for_nothing(void **state)
{
        struct answer_head head = READ("HTTP/1.1 503 x\r\n", "\r\n", "Retry-After: 5\r\n", "CF-Ray: 1\r\n");

        assert_true(head.whole && !head.has_retry_after && !head.networks);
        assert_string_equal(head.header_names, "");
}

static void values_that_do_not_fit_are_none(void **state)
{
        char line[200] = "Retry-After: 1";
        struct answer_head head = { 0 };

        memset(line + strlen(line), '0', 100);
        take(&head, line);
        assert_false(head.has_retry_after);
        memcpy(line, "Date: ", 6);
        take(&head, line);
        assert_false(head.has_date);
        answer_head_take(&head, "Date: a\0b", 9, NULL, 0);
        assert_false(head.has_date);
}

static void names_have_bounds(void **state)
{
        struct answer_head head = { 0 };
        char line[100];

        for (int i = 0; i < 300; i++) {
                (void)snprintf(line, sizeof(line), "header-%d: x\r\n", i);
                take(&head, line);
        }
        assert_true(strlen(head.header_names) < sizeof(head.header_names));
        assert_true(strlen(head.header_names) > sizeof(head.header_names) - 20);
        memset(line, 'a', 65);
        memcpy(line + 65, ": x", 4);
        head = READ(line, ": x\r\n");
        assert_string_equal(head.header_names, "");
}

static void echoes_are_hidden(void **state)
{
        static const struct {
                const char *line, *content_type, *header_names, *host;
        } rows[] = {
                { "Content-Type: text/" SECRET, "text/[hidden]", "content-type", "" },
                { "Content-Type: " ID, "[hidden]", "content-type", "" },
                { "Content-Type: SW0RDfish; a", "[hidden]", "content-type", "" },
                { "Content-Type: a/b; c=" SECRET, "a/b", "content-type", "" },
                { "Content-Type: QVExN05aNDlXQzpzdzByZGZpc2g=", "[hidden]", "content-type", "" },
                { "Content-Type: \x01\xc3\xa4", "???", "content-type", "" },
                /* cut to fit, it would not be found any more */
                { "Content-Type: a/a a/a a/a a/a a/a a/a a/a a/a a/a a/a a/a a/a a/a a/a a/a " SECRET,
                  "a/a a/a a/a a/a a/a a/a a/a a/a a/a a/a a/a a/a a/a a/a a/a ", "content-type", "" },
                { "X-" SECRET "-y: 1", "", "x-[hidden]-y", "" },
                { "aq17nz49wc: 1", "", "[hidden]", "" },
                { ID ":" SECRET, "", "[hidden]", "" },
                { "QVExN05aNDlXQzpzdzByZGZpc2g=: 1", "", "[hidden]", "" },
                { "Location: https://" SECRET ".example/", "", "location", "" },
                { "Location: https://" ID ":" SECRET "@b.example/", "", "location", "b.example" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct answer_head head = READ(rows[i].line);

                assert_string_equal(head.content_type, rows[i].content_type);
                assert_string_equal(head.header_names, rows[i].header_names);
                assert_string_equal(head.redirect_host, rows[i].host);
        }
}

static void where_a_redirect_leads(void **state)
{
        static const struct {
                const char *location, *host;
        } rows[] = {
                { "https://www.example.com/a?b=c", "www.example.com" },
                { "HTTP://Example.com:8443", "Example.com" },
                { "//example.com?x", "example.com" },
                { "https://u:p@example.com#f", "example.com" },
                { "https://example.com\\@other.example", "example.com" },
                { "https://[::1]/", "" },
                { "/login?next=https://example.com/", "" },
                { "login//example.com", "" },
                { "://example.com", "" },
                { "https:/example.com", "" },
                { "https://", "" },
                { "https://a b/", "" },
                { "https://b\xc3\xbc.example/", "" },
                { "https://a_b.example/", "" },
                { "https://0123456789abcdef.example/", "" },
                { "https://abcdefghijklmnopqrstuvwxyzabcdefg.example/", "" },
                { "https://commercedeveloper-api.sandbox1.example/",
                  "commercedeveloper-api.sandbox1.example" },
                { "", "" },
        };
        char line[512] = "Location: ";

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                (void)snprintf(line, sizeof(line), "Location: %s\r\n", rows[i].location);
                struct answer_head head = READ(line);

                assert_string_equal(head.redirect_host, rows[i].host);
        }
        (void)snprintf(line, sizeof(line), "Location: https://");
        for (int i = 0; i < 40; i++) {
                (void)strcat(line, "abc.");
        }
        struct answer_head head = READ(line);
        assert_string_equal(head.redirect_host, "");
}

static void networks_are_known_by_their_headers(void **state)
{
        static const char *const theirs[] = { "CF-Ray: 8a-FRA",         "x-amz-cf-id: x",
                                              "X-Akamai-Request-ID: 1", "akamai-grn: 0.1",
                                              "Server: cloudflare",     "server: AkamaiGHost",
                                              "X-Iinfo: 1-2",           "X-Sucuri-ID: 1",
                                              "server:CloudFront",      "Server: Sucuri/Cloudproxy",
                                              "X-Azure-Ref: 1" };
        static const char *const nobodys[] = { "Server: nginx",
                                               "X-Server: cloudflare",
                                               "Serve: cloudflare",
                                               "Server:",
                                               "Server: cloud",
                                               "Via: 1.1 cloudflare",
                                               "CF: 1",
                                               "Date: x" };

        for (size_t i = 0; i < ARRAY_SIZE(theirs); i++) {
                assert_true(READ(theirs[i]).networks);
        }
        for (size_t i = 0; i < ARRAY_SIZE(nobodys); i++) {
                assert_false(READ(nobodys[i]).networks);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(reads_what_counts),
                cmocka_unit_test(a_coding_that_nobody_asked_for),
                cmocka_unit_test(a_new_status_begins_anew),
                cmocka_unit_test(trailers_count_for_nothing),
                cmocka_unit_test(values_that_do_not_fit_are_none),
                cmocka_unit_test(names_have_bounds),
                cmocka_unit_test(echoes_are_hidden),
                cmocka_unit_test(where_a_redirect_leads),
                cmocka_unit_test(networks_are_known_by_their_headers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

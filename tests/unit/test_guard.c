/* The guard as tables: which headers, where they came in, and what is said to them. */
#include "daemon/frontend/http/guard.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <stdio.h>

#define HOST   "Host: 127.0.0.1:9377\n"
#define CLIENT "EQP-Client: a\n"
#define GOOD   HOST CLIENT
#define X64    "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg"

#define HOST_WORDS   "localhost:9377, 127.0.0.1:9377 or [::1]:9377"
#define NAME_WORDS   "a name of 1 to 64 characters"
#define LENGTH_WORDS "given twice"

static const struct listen_place tcp = { .tcp = true, .port = 9377, .address = "127.0.0.1" };
static const struct listen_place second = { .tcp = true, .port = 9377, .address = "127.0.0.2" };
static const struct listen_place six = { .tcp = true, .port = 9377, .address = "[::1]" };
static const struct listen_place port_80 = { .tcp = true, .port = 80, .address = "127.0.0.1" };
static const struct listen_place local = { .tcp = false };

/* A head, one header a line, and the verdict: no slug is a pass. */
struct row {
        const char *head;
        const char *slug;
        const char *words; /* they are in the message */
        unsigned status;
        bool close;
        bool no_client_needed; /* the path is none that needs EQP-Client */
};

static void note_head(struct guard_facts *facts, char *head)
{
        for (char *rest = NULL, *line = strtok_r(head, "\n", &rest); line;
             line = strtok_r(NULL, "\n", &rest)) {
                char *colon = strchr(line, ':');

                /* A header without a value, as libmicrohttpd may hand out, is a line without a colon here.
                 */
                if (colon) {
                        *colon++ = '\0';
                        colon += strspn(colon, " ");
                }
                guard_note(facts, line, colon);
        }
}

static void expect_row(const struct row *row, const struct listen_place *place)
{
        _cleanup_free_ char *head = strdup(row->head);
        struct guard_refusal refusal = { .status = 1, .slug = "kept", .close = true, .message = "kept" };
        struct guard_facts facts = { 0 };

        assert_non_null(head);
        note_head(&facts, head);
        bool passed = guard_check(&facts, place, !row->no_client_needed, &refusal);
        if (passed != !row->slug) {
                fail_msg("%s-- %s", row->head, passed ? "passed" : refusal.message);
        }
        if (passed) {
                assert_string_equal(refusal.slug, "kept");
                assert_true(guard_framing_sound(&facts));
                return;
        }
        if (!streq(refusal.slug, row->slug) || refusal.status != row->status ||
            refusal.close != row->close || !strstr(refusal.message, row->words)) {
                fail_msg("%s-- %u %s%s: %s", row->head, refusal.status, refusal.slug,
                         refusal.close ? " (close)" : "", refusal.message);
        }
        /* The connection goes on just where the end of the request is certain. */
        assert_int_equal(refusal.close, !guard_framing_sound(&facts));
        assert_in_range(strlen(refusal.message), 1, sizeof(refusal.message) - 2);
}

static void expect_rows(const struct row *rows, size_t n, const struct listen_place *place)
{
        for (size_t i = 0; i < n; i++) {
                expect_row(&rows[i], place);
        }
}

static void expect_pass(const char *const *heads, size_t n, const struct listen_place *place)
{
        for (size_t i = 0; i < n; i++) {
                expect_row(&(struct row){ .head = heads[i] }, place);
        }
}

static void healthy_requests(void **state)
{
        static const char *const heads[] = {
                GOOD,
                "host: 127.0.0.1:9377\neqp-client: a\n",
                HOST "EQP-Client: nightly-upload\nAccept: */*\nUser-Agent: curl/7.88.1\n",
                HOST "EQP-Client: A.b_c/d@e-F9\nAuthorization: Basic YTpi\n",
                HOST "EQP-Client: " X64 "\n",
                GOOD "Content-Length: 12\nContent-Type: application/json\n",
                GOOD "Transfer-Encoding: chunked\n",
                GOOD "transfer-encoding: CHUNKED\n",
                GOOD "Accept\n", /* without a value */
                GOOD "X-Text: \xc3\xa4 and a\ttab\n",
                GOOD "X-One: 1\nX-One: 2\n",
                GOOD "!#$%&'*+-.^_`|~09AZaz: a name of every character that one may have\n",
        };
        static const struct row health = { .head = HOST, .no_client_needed = true };

        expect_pass(heads, ARRAY_SIZE(heads), &tcp);
        expect_row(&health, &tcp);
}

static void good_hosts(void **state)
{
        static const char *const ours[] = { "Host: 127.0.0.1:9377\n" CLIENT, "Host: localhost:9377\n" CLIENT,
                                            "Host: LocalHost:9377\n" CLIENT, "Host: [::1]:9377\n" CLIENT };
        static const char *const of_second[] = { "Host: 127.0.0.2:9377\n" CLIENT };
        static const char *const of_port_80[] = { "Host: localhost\n" CLIENT, "Host: 127.0.0.1:80\n" CLIENT,
                                                  "Host: [::1]\n" CLIENT };

        expect_pass(ours, ARRAY_SIZE(ours), &tcp);
        expect_pass(ours, ARRAY_SIZE(ours), &six);
        expect_pass(ours, ARRAY_SIZE(ours), &second);
        expect_pass(of_second, ARRAY_SIZE(of_second), &second);
        expect_pass(of_port_80, ARRAY_SIZE(of_port_80), &port_80);
}

static void expect_host_refused(const char *const *hosts, size_t n, const struct listen_place *place,
                                const char *words)
{
        for (size_t i = 0; i < n; i++) {
                char head[256];

                assert_in_range(snprintf(head, sizeof(head), "Host: %s\n" CLIENT, hosts[i]), 1,
                                sizeof(head) - 1);
                expect_row(&(struct row){ head, "host_refused", words, 403 }, place);
                /* Nor on a path that anybody may ask. */
                expect_row(&(struct row){ head, "host_refused", words, 403, .no_client_needed = true },
                           place);
        }
}

static void bad_hosts(void **state)
{
        static const char *const hosts[] = {
                "",
                "evil.example",
                "evil.example:9377",
                "localhost",
                "localhost:",
                "localhost:1",
                "localhost:93770",
                "localhost:09377",
                "localhost:+9377",
                "localhost: 9377",
                "localhost:9377 ",
                "localhost:9377,127.0.0.1:9377",
                "localhost.:9377",
                "localhost.evil.example:9377",
                "localhostx:9377",
                "xlocalhost:9377",
                "127.0.0.1",
                "127.0.0.1:74913", /* 9377, if one counts in 16 bits */
                "127.0.0.1:4294976673",
                "127.0.0.1:18446744073709560993",
                "127.0.0.1:9377/",
                "127.0.0.1.evil.example:9377",
                "127.0.0.2:9377",
                "127.1:9377",
                "0.0.0.0:9377",
                "2130706433:9377",
                "user@127.0.0.1:9377",
                "[::1]",
                "::1:9377",
                "[::ffff:127.0.0.1]:9377",
                "\357\274\22127.0.0.1:9377", /* a wide digit */
        };
        static const char *const of_port_80[] = { "localhost:9377", "localhost:", "localhost.", "localhost/",
                                                  "evil.example" };

        expect_host_refused(hosts, ARRAY_SIZE(hosts), &tcp, HOST_WORDS);
        expect_host_refused(of_port_80, ARRAY_SIZE(of_port_80), &port_80,
                            "localhost:80, 127.0.0.1:80 or [::1]:80");
}

static void there_is_one_host(void **state)
{
        static const struct row rows[] = {
                { CLIENT, "host_refused", HOST_WORDS, 403 },
                { "Host\n" CLIENT, "host_refused", HOST_WORDS, 403 },
                { GOOD HOST, "host_refused", HOST_WORDS, 403 },
                { GOOD "HOST: evil.example\n", "host_refused", HOST_WORDS, 403 },
                { "Host: evil.example\n" GOOD, "host_refused", HOST_WORDS, 403 },
        };

        expect_rows(rows, ARRAY_SIZE(rows), &tcp);
}

static void browsers(void **state)
{
        static const struct row rows[] = {
                { GOOD "Origin: https://evil.example\n", "browser_refused", " Origin, ", 403 },
                { GOOD "Origin: null\n", "browser_refused", " Origin, ", 403 },
                { GOOD "origin:\n", "browser_refused", " Origin, ", 403 },
                { GOOD "Origin\n", "browser_refused", " Origin, ", 403 },
                { GOOD "Sec-Fetch-Site: same-origin\n", "browser_refused", " Sec-Fetch-Site, ", 403 },
                { GOOD "SEC-FETCH-SITE: none\n", "browser_refused", " Sec-Fetch-Site, ", 403 },
                { GOOD "Sec-Fetch-Dest: empty\n", "browser_refused", " Sec-Fetch-Dest, ", 403 },
                { GOOD "Access-Control-Request-Method: GET\n", "browser_refused",
                  " Access-Control-Request-Method, ", 403 },
                { GOOD "Access-Control-Request-Headers: eqp-client\n", "browser_refused",
                  " Access-Control-Request-Headers, ", 403 },
                { GOOD "Access-Control-Request-Private-Network: true\n", "browser_refused",
                  " Access-Control-Request-Private-Network, ", 403 },
                { HOST "Origin: null\n", "browser_refused", " Origin, ", 403, .no_client_needed = true },
        };
        static const char *const others[] = {
                GOOD "Sec-Fetch-Mode: cors\n", /* Node's fetch */
                GOOD "User-Agent: Mozilla/5.0\nReferer: http://a/\nCookie: a=b\n",
                GOOD "X-Requested-With: a\nSec-Fetch: a\nOrigins: a\nOrigi: a\nAccept-Language: en\n",
        };

        expect_rows(rows, ARRAY_SIZE(rows), &tcp);
        expect_pass(others, ARRAY_SIZE(others), &tcp);
}

static void proxies(void **state)
{
        static const struct row rows[] = {
                { GOOD "Via: 1.1 proxy\n", "proxy_refused", " Via, ", 403 },
                { GOOD "via:\n", "proxy_refused", " Via, ", 403 },
                { GOOD "Forwarded: for=10.0.0.1\n", "proxy_refused", " Forwarded, ", 403 },
                { GOOD "X-Forwarded-For: 10.0.0.1\n", "proxy_refused", " X-Forwarded-…, ", 403 },
                { GOOD "x-forwarded-anything: a\n", "proxy_refused", " X-Forwarded-…, ", 403 },
                { HOST "X-FORWARDED-HOST: a\n", "proxy_refused", " X-Forwarded-…, ", 403,
                  .no_client_needed = true },
        };
        static const char *const others[] = { GOOD "Vias: a\nX-Forwarded: a\nForward: a\nX-Real-IP: a\n" };

        expect_rows(rows, ARRAY_SIZE(rows), &tcp);
        expect_pass(others, ARRAY_SIZE(others), &tcp);
}

static void the_client_has_a_name(void **state)
{
        static const struct row rows[] = {
                { HOST, "client_header_missing", "EQP-Client is missing", 403 },
                { HOST "EQP-Client\n", "client_header_missing", NAME_WORDS, 403 },
                { HOST "EQP-Client:\n", "client_header_missing", NAME_WORDS, 403 },
                { HOST "EQP-Client: " X64 "h\n", "client_header_missing", NAME_WORDS, 403 },
                { HOST "EQP-Client: a b\n", "client_header_missing", NAME_WORDS, 403 },
                { HOST "EQP-Client: a,b\n", "client_header_missing", NAME_WORDS, 403 },
                { HOST "EQP-Client: \xc3\xa4\n", "client_header_missing", NAME_WORDS, 403 },
                /* A bad name is one wherever it stands. */
                { HOST "EQP-Client: a b\n", "client_header_missing", NAME_WORDS, 403,
                  .no_client_needed = true },
                { HOST "EQP-Clients: a\n", "client_header_missing", "EQP-Client is missing", 403 },
        };

        expect_rows(rows, ARRAY_SIZE(rows), &tcp);
}

static void headers_that_may_stand_once(void **state)
{
        static const struct row rows[] = {
                { GOOD CLIENT, "bad_request", "twice: EQP-Client", 400 },
                { GOOD "eqp-client: b\n", "bad_request", "twice: EQP-Client", 400 },
                { GOOD "Authorization: Basic YTpi\nAuthorization: Basic YTpj\n", "bad_request",
                  "twice: Authorization", 400 },
                { GOOD "Accept: */*\naccept: text/plain\n", "bad_request", "twice: Accept", 400 },
                { GOOD "Expect: 100-continue\nExpect: x\n", "bad_request", "twice: Expect", 400 },
        };
        static const struct row of_local[] = {
                { HOST "Host: a\n", "bad_request", "twice: Host", 400 },
        };

        expect_rows(rows, ARRAY_SIZE(rows), &tcp);
        expect_rows(rows, ARRAY_SIZE(rows), &local);
        expect_rows(of_local, ARRAY_SIZE(of_local), &local);
}

/* Where the end of the request is in doubt, it is the last of its connection, on either kind of socket. */
static void framing(void **state)
{
        static const struct row rows[] = {
                { GOOD "Content-Length: 1\nContent-Length: 1\n", "bad_request", LENGTH_WORDS, 400, true },
                { GOOD "Content-Length: 1\ncontent-length: 2\n", "bad_request", LENGTH_WORDS, 400, true },
                { GOOD "Content-Length: 1\nTransfer-Encoding: chunked\n", "bad_request", LENGTH_WORDS, 400,
                  true },
                { GOOD "Transfer-Encoding: chunked\nTransfer-Encoding: chunked\n", "bad_request",
                  LENGTH_WORDS, 400, true },
                { GOOD "Transfer-Encoding: gzip, chunked\n", "bad_request", "is chunked", 400, true },
                { GOOD "Transfer-Encoding: chunked, identity\n", "bad_request", "is chunked", 400, true },
                { GOOD "Transfer-Encoding: identity\n", "bad_request", "is chunked", 400, true },
                { GOOD "Transfer-Encoding: chunkedx\n", "bad_request", "is chunked", 400, true },
                { GOOD "Transfer-Encoding:\n", "bad_request", "is chunked", 400, true },
                { GOOD "Transfer-Encoding\n", "bad_request", "is chunked", 400, true },
                { GOOD " Origin: a\n", "bad_request", "malformed: a header's name", 400, true },
                { GOOD "Origin : a\n", "bad_request", "malformed: a header's name", 400, true },
                { GOOD "X\tY: a\n", "bad_request", "malformed: a header's name", 400, true },
                { GOOD "X(Y): a\n", "bad_request", "malformed: a header's name", 400, true },
                { GOOD "\xc3\xa4: a\n", "bad_request", "malformed: a header's name", 400, true },
                { GOOD ": a\n", "bad_request", "malformed: a header's name", 400, true },
                { GOOD "X: a\rOrigin: b\n", "bad_request", "malformed: a header's value", 400, true },
                { GOOD "X: \x01\n", "bad_request", "malformed: a header's value", 400, true },
                { GOOD "X: \x7f\n", "bad_request", "malformed: a header's value", 400, true },
                { "Host: evil.example\r\n" CLIENT, "bad_request", "malformed: a header's value", 400, true },
        };

        expect_rows(rows, ARRAY_SIZE(rows), &tcp);
        expect_rows(rows, ARRAY_SIZE(rows), &local);
}

/* The most doubtful thing is said first: the bytes behind it may be another's. */
static void which_refusal_comes_first(void **state)
{
        static const struct row rows[] = {
                { "Host: evil.example\nContent-Length: 1\nContent-Length: 1\nOrigin: a\n", "bad_request",
                  LENGTH_WORDS, 400, true },
                { "Host: evil.example\nOrigin: a\nVia: a\n", "host_refused", HOST_WORDS, 403 },
                { HOST "Via: a\nOrigin: a\nEQP-Client:\n", "browser_refused", " Origin, ", 403 },
                { GOOD CLIENT "Via: a\n", "proxy_refused", " Via, ", 403 },
                { HOST "EQP-Client:\nEQP-Client:\n", "bad_request", "twice: EQP-Client", 400 },
        };

        expect_rows(rows, ARRAY_SIZE(rows), &tcp);
}

/* Neither browsers nor proxies arrive there, and the kernel names the caller. */
static void on_a_unix_socket(void **state)
{
        static const char *const heads[] = {
                "X: no other header at all\n",         "Host: anything\n",
                HOST "Origin: https://evil.example\n", HOST "X-Forwarded-For: 1\nVia: a\n",
                "Host: anything\nEQP-Client: a\n",
        };
        static const struct row rows[] = {
                { HOST "EQP-Client: a b\n", "bad_request", NAME_WORDS, 400 },
                { HOST "EQP-Client:\n", "bad_request", NAME_WORDS, 400, .no_client_needed = true },
        };

        expect_pass(heads, ARRAY_SIZE(heads), &local);
        expect_rows(rows, ARRAY_SIZE(rows), &local);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(healthy_requests),
                cmocka_unit_test(good_hosts),
                cmocka_unit_test(bad_hosts),
                cmocka_unit_test(there_is_one_host),
                cmocka_unit_test(browsers),
                cmocka_unit_test(proxies),
                cmocka_unit_test(the_client_has_a_name),
                cmocka_unit_test(headers_that_may_stand_once),
                cmocka_unit_test(framing),
                cmocka_unit_test(which_refusal_comes_first),
                cmocka_unit_test(on_a_unix_socket),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

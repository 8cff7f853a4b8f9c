/* Headers on their way through the gateway: which go on, and what of them is written anew. */
#include "lib/gateway_headers.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <errno.h>

#define TOKEN "baGXoStRuR9VCDFQGZNzgNqbqu5WUwlr.cAxZJ9m22Le7"

static void which_go_on(void **state)
{
        static const struct {
                const char *name;
                bool in, out;
        } rows[] = {
                { "Accept", true, true },
                { "Accept-Encoding", true, true },
                { "Cache-Control", true, true },
                { "Content-Type", true, true },
                { "Content-Encoding", true, true },
                { "ETag", true, true },
                { "X-Total-Count", true, true },
                { "Postman-Token", true, true },
                { "Sec-Fetch-Mode", true, true },
                { "X-Magento", true, true },
                { "Range", true, true },
                { "Connection", false, false },
                { "keep-alive", false, false },
                { "Proxy-Connection", false, false },
                { "TE", false, false },
                { "Trailer", false, false },
                { "UPGRADE", false, false },
                { "HTTP2-Settings", false, false },
                { "Transfer-Encoding", false, false },
                { "transfer_encoding", false, false },
                { "Content-Length", false, false },
                { "Content_Length", false, false },
                { "Host", false, true },
                { "Authorization", false, true },
                { "Expect", false, true },
                { "Cookie", false, true },
                { "Via", false, false },
                { "EQP-Client", false, true },
                { "Forwarded", false, true },
                { "X-Forwarded-For", false, true },
                { "x_forwarded_host", false, true },
                { "X-HTTP-Method-Override", false, true },
                { "X.HTTP.Method_Override", false, true },
                { "X-Original-URL", false, true },
                { "x_rewrite_url", false, true },
                { "Content.Length", false, false },
                { "Transfer~Encoding", false, false },
                { "Set-Cookie", true, false },
                { "Alt-Svc", true, false },
                { "Strict-Transport-Security", true, false },
                { "Access-Control-Allow-Origin", true, false },
                { "X-Content-Type-Options", true, false },
                { "EQP-Error", true, false },
                { "X-Named", false, false },
                { "x-also", false, false },
        };
        struct gateway_connection connection = { 0 };

        gateway_connection_note(&connection, "connection", "close, X-Named");
        gateway_connection_note(&connection, "Accept", "Accept");
        gateway_connection_note(&connection, "Connection", "\tX_Also ,");
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                if (gateway_header_goes_in(rows[i].name, &connection) != rows[i].in ||
                    gateway_header_goes_out(rows[i].name, &connection) != rows[i].out) {
                        fail_msg("%s", rows[i].name);
                }
        }
        assert_true(gateway_connection_has(&connection, "Close"));
        assert_false(gateway_connection_has(&connection, "clos"));
        assert_false(gateway_connection_has(&connection, ""));
}

static void more_lists_than_there_is_room_for(void **state)
{
        struct gateway_connection connection = { 0 };

        for (size_t i = 0; i < GATEWAY_CONNECTION_MAX; i++) {
                gateway_connection_note(&connection, "Connection", "close");
        }
        assert_false(connection.too_many);
        gateway_connection_note(&connection, "Connection", "close");
        assert_true(connection.too_many);
}

static void other_methods(void **state)
{
        assert_true(gateway_header_overrides_method("x-http-method"));
        assert_true(gateway_header_overrides_method("X-HTTP-Method-Override"));
        assert_true(gateway_header_overrides_method("X_Method_Override"));
        assert_false(gateway_header_overrides_method("X-HTTP-Methods"));
        assert_false(gateway_header_overrides_method("X-HTTP"));
}

static void other_protocols(void **state)
{
        assert_false(gateway_upgrade_matters(""));
        assert_false(gateway_upgrade_matters("h2c"));
        assert_false(gateway_upgrade_matters("HTTP/2.0, h2c"));
        assert_true(gateway_upgrade_matters("websocket"));
        assert_true(gateway_upgrade_matters("h2c, websocket"));
        assert_true(gateway_upgrade_matters("h2"));
}

static void places(void **state)
{
        static const struct {
                const char *name, *value, *base_url, *host, *expected;
        } rows[] = {
                { "Location", "https://up.example/rest/v1/a?b#c", "https://up.example", "localhost:9377",
                  "http://localhost:9377/sandbox/rest/v1/a?b#c" },
                { "location", "HTTPS://UP.example:443/rest", "https://up.example", NULL, "/sandbox/rest" },
                { "Location", "/rest/v1/a", "https://up.example", "[::1]:1",
                  "http://[::1]:1/sandbox/rest/v1/a" },
                { "Location", "https://up.example", "https://up.example", NULL, "/sandbox" },
                { "Location", "https://up.example?x", "https://up.example", NULL, "/sandbox?x" },
                { "Location", "https://up.example.evil/rest", "https://up.example", NULL, NULL },
                { "Location", "https://up.example:8443/rest", "https://up.example", NULL, NULL },
                { "Location", "https://up.example:8443/rest", "https://up.example:8443", NULL,
                  "/sandbox/rest" },
                { "Location", "https://up.example@evil/rest", "https://up.example", NULL, NULL },
                { "Location", "http://up.example/rest", "https://up.example", NULL, NULL },
                { "Location", "//evil/rest", "https://up.example", NULL, NULL },
                { "Location", "a/b", "https://up.example", NULL, NULL },
                { "Location", "https://up.example/p/rest", "https://up.example/p", NULL, "/sandbox/rest" },
                { "Location", "https://up.example/pp/rest", "https://up.example/p", NULL, NULL },
                { "Location", "/p/rest", "https://up.example/p", NULL, "/sandbox/rest" },
                { "Location", "/rest", "https://up.example/p", NULL, NULL },
                { "Content-Location", "/rest", "https://up.example", NULL, "/sandbox/rest" },
                { "X-Location", "/rest", "https://up.example", NULL, NULL },
                { "Link", "<https://up.example/rest?p=2>; rel=\"next\", <https://o/>; rel=x, </rest>",
                  "https://up.example", NULL,
                  "</sandbox/rest?p=2>; rel=\"next\", <https://o/>; rel=x, </sandbox/rest>" },
                { "Link", "<https://up.example/rest", "https://up.example", NULL, "</sandbox/rest" },
                { "Link", "<https://up.example>/rest", "https://up.example", NULL, "</sandbox>/rest" },
                { "Link", "<", "https://up.example", NULL, NULL },
                { "Link", "no <>", "https://up.example", NULL, NULL },
                { "ETag", "", "https://up.example", NULL, NULL },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                const struct gateway_places here = { rows[i].base_url, rows[i].host, "sandbox" };
                const char *expected = rows[i].expected ? rows[i].expected : rows[i].value;
                char text[256];

                assert_int_equal(
                        gateway_header_rewrite(rows[i].name, rows[i].value, &here, text, sizeof(text)),
                        strlen(expected));
                assert_string_equal(text, expected);
                assert_int_equal(
                        gateway_header_rewrite(rows[i].name, rows[i].value, &here, text, strlen(expected)),
                        -ENOBUFS);
        }
}

static void cover(void **state)
{
        char text[] = "{\"message\":\"token " TOKEN " is stale\"}", none[] = "nothing";

        assert_true(gateway_cover(text, strlen(text), TOKEN));
        assert_null(strstr(text, "baGX"));
        assert_null(strstr(text, "Le7"));
        assert_non_null(strstr(text, "\"token *"));
        assert_non_null(strstr(text, "* is stale\"}"));
        assert_false(gateway_cover(none, strlen(none), TOKEN));
        assert_string_equal(none, "nothing");
        assert_false(gateway_cover(none, 0, TOKEN));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(which_go_on),   cmocka_unit_test(more_lists_than_there_is_room_for),
                cmocka_unit_test(other_methods), cmocka_unit_test(other_protocols),
                cmocka_unit_test(places),        cmocka_unit_test(cover),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

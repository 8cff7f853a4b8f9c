/* Addresses to listen on: loopback and unix sockets, and a cure for everything else. */
#include "lib/listen_address.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <errno.h>

static struct listen_address parse(const char *text)
{
        struct listen_address address;
        char why[256] = "";

        if (listen_address_parse(text, &address, why, sizeof(why)) != 0) {
                fail_msg("%s: %s", text, why);
        }
        return address;
}

static void expect_refusal(const char *text, const char *part)
{
        struct listen_address address = { .port = 42 };
        char why[256] = "";

        assert_int_equal(listen_address_parse(text, &address, why, sizeof(why)), -EINVAL);
        if (!strstr(why, part)) {
                fail_msg("%s: expected \"%s\" in \"%s\"", text, part, why);
        }
        assert_int_equal(address.port, 42);
}

static void tcp4(void **state)
{
        struct listen_address a = parse("127.0.0.1:9377");

        assert_int_equal(a.kind, LISTEN_TCP4);
        assert_int_equal(a.port, 9377);
        assert_int_equal(a.address4, 0x7f000001);
        assert_false(a.optional);
        assert_string_equal(a.path, "127.0.0.1:9377");

        assert_int_equal(parse("127.0.0.0:1").address4, 0x7f000000);
        assert_int_equal(parse("127.255.255.255:65535").address4, 0x7fffffff);
        assert_string_equal(parse("127.12.34.56:65535").path, "127.12.34.56:65535");
        assert_int_equal(parse("127.0.0.1:0").port, 0);
        assert_string_equal(parse("127.0.0.1:00080").path, "127.0.0.1:80");
}

static void tcp6(void **state)
{
        struct listen_address a = parse("[::1]:9377");

        assert_int_equal(a.kind, LISTEN_TCP6);
        assert_int_equal(a.port, 9377);
        assert_string_equal(a.path, "[::1]:9377");
        assert_string_equal(parse("[0:0:0:0:0:0:0:1]:9377").path, "[::1]:9377");
}

static void unix_paths(void **state)
{
        char path[120];
        struct listen_address a = parse("/run/eqp-broker/eqp-broker.sock");

        assert_int_equal(a.kind, LISTEN_UNIX);
        assert_string_equal(a.path, "/run/eqp-broker/eqp-broker.sock");
        assert_string_equal(parse("/s").path, "/s");
        assert_string_equal(parse("/run/a:1").path, "/run/a:1");

        memset(path, 'x', sizeof(path));
        path[0] = '/';
        path[107] = '\0';
        assert_string_equal(parse(path).path, path);
        path[107] = 'x';
        path[108] = '\0';
        expect_refusal(path, "107 bytes");
        expect_refusal("/", "names a file");
        expect_refusal("/run/dir/", "names a file");
}

static void other_places_are_refused(void **state)
{
        static const struct {
                const char *text, *why;
        } rows[] = {
                { "localhost:9377", "write 127.0.0.1:PORT" },
                { "LocalHost:9377", "write 127.0.0.1:PORT" },
                { "localhost", "write 127.0.0.1:PORT" },
                { "0.0.0.0:9377", "loopback only" },
                { "[::]:9377", "loopback only" },
                { "*:9377", "loopback only" },
                { "10.0.0.1:9377", "loopback only" },
                { "126.255.255.255:1", "loopback only" },
                { "128.0.0.1:1", "loopback only" },
                { "[::ffff:127.0.0.1]:1", "loopback only" },
                { "[2001:db8::1]:1", "loopback only" },
                { "[::1%lo]:1", "loopback only" },
                { "[]:1", "loopback only" },
                { "[:1", "loopback only" },
                { "[127.0.0.1]:1", "loopback only" },
                { "example.com:9377", "loopback only" },
                { "localhost.:9377", "loopback only" },
                { ":9377", "loopback only" },
                { "127.1:9377", "loopback only" },
                { "2130706433:9377", "loopback only" },
                { "0x7f000001:9377", "loopback only" },
                { "0177.0.0.1:9377", "loopback only" },
                { "127.0.0.1.:1", "loopback only" },
                { " 127.0.0.1:1", "loopback only" },
                { "tcp://127.0.0.1:1", "loopback only" },
                { "run/x.sock:1", "loopback only" },
                { "9377", "port is missing" },
                { "", "port is missing" },
                { "127.0.0.1", "port is missing" },
                { "[::1]", "port is missing" },
                { "run/x.sock", "port is missing" },
                { "::1:9377", "in brackets" },
                { "::1", "loopback only" },
                { "0::1:9377", "in brackets" },
                { "127.0.0.1:", "port is not a number" },
                { "127.0.0.1:65536", "port is not a number" },
                { "127.0.0.1:99999", "port is not a number" },
                { "127.0.0.1:000001", "port is not a number" },
                { "127.0.0.1:-1", "port is not a number" },
                { "127.0.0.1:+1", "port is not a number" },
                { "127.0.0.1:http", "port is not a number" },
                { "127.0.0.1:9377 ", "port is not a number" },
                { "127.0.0.1:1,127.0.0.2:1", "loopback only" },
                { "unix:/run/x.sock", "without unix:" },
                { "@abstract", "abstract" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                expect_refusal(rows[i].text, rows[i].why);
        }
        expect_refusal("aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff1234567890:1",
                       "loopback only");
}

static bool equal(const char *a, const char *b)
{
        struct listen_address first = parse(a), second = parse(b);

        return listen_address_equal(&first, &second);
}

static void same_places(void **state)
{
        assert_true(equal("127.0.0.1:9377", "127.0.0.1:09377"));
        assert_true(equal("[::1]:1", "[0::1]:1"));
        assert_true(equal("/run/a", "/run/a"));
        assert_false(equal("127.0.0.1:1", "127.0.0.1:2"));
        assert_false(equal("127.0.0.1:1", "127.0.0.2:1"));
        assert_false(equal("127.0.0.1:1", "[::1]:1"));
        assert_false(equal("/run/a", "/run/b"));
        assert_false(equal("127.0.0.1:0", "127.0.0.1:0"));
        assert_false(equal("[::1]:0", "[::1]:0"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(tcp4),        cmocka_unit_test(tcp6),
                cmocka_unit_test(unix_paths),  cmocka_unit_test(other_places_are_refused),
                cmocka_unit_test(same_places),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

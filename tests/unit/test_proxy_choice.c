/* Which proxy a request goes through, as libcurl chooses it, and what a proxy is made of. */
#include "lib/proxy_choice.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <errno.h>

#define PROXY "http://proxy:3128"

/* ---- is there one ---- */

static bool goes_through(const char *host, const char *no_proxy)
{
        const struct proxy_words words = { .https_proxy = PROXY, .no_proxy = no_proxy };
        const char *proxy = proxy_choose(host, &words);

        assert_true(!proxy || proxy == words.https_proxy);
        return proxy;
}

static void test_words(void **state)
{
        const struct proxy_words none = { 0 }, empty = { "", "", "" };
        const struct proxy_words all = { .all_proxy = "socks5h://all" },
                                 empty_and_all = { "", "socks5h://all", "" };
        const struct proxy_words both = { PROXY, "socks5h://all", NULL };

        assert_null(proxy_choose("example.com", &none));
        assert_null(proxy_choose("example.com", &empty));
        assert_string_equal(proxy_choose("example.com", &all), "socks5h://all");
        assert_string_equal(proxy_choose("example.com", &empty_and_all), "socks5h://all");
        assert_string_equal(proxy_choose("example.com", &both), PROXY);
}

static void test_names_that_go_without(void **state)
{
        static const char *const lists[] = {
                "*",           "example.com",      "EXAMPLE.com.",       ".com",
                "com",         "a,b, example.com", "a b\texample.com ,", ",,example.com",
                ".example.com"
        };
        static const char *const others[] = { "",          "xample.com", "an.example.com",
                                              "*.com",     "example",    "example.com.org",
                                              "* ",        "*,x",        ".",
                                              "10.0.0.0/8" };

        for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
                assert_false(goes_through("example.com", lists[i]));
                assert_false(goes_through("Example.Com.", lists[i]));
        }
        for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
                assert_true(goes_through("example.com", others[i]));
        }
        assert_false(goes_through("api.example.com", "example.com"));
        assert_true(goes_through("notexample.com", "example.com"));
        assert_true(goes_through("example.com", NULL));
}

static void test_a_long_list(void **state)
{
        char list[4096];

        memset(list, 'x', sizeof(list) - 1);
        list[sizeof(list) - 1] = '\0';
        assert_true(goes_through("example.com", list));
        memcpy(list + sizeof(list) - 1 - strlen(",example.com"), ",example.com", strlen(",example.com"));
        assert_false(goes_through("example.com", list));
}

static void test_addresses_that_go_without(void **state)
{
        assert_false(goes_through("192.168.1.9", "192.168.0.0/16"));
        assert_false(goes_through("192.168.1.9", "192.168.1.9"));
        assert_false(goes_through("192.168.1.9", "192.168.1.8/31"));
        assert_false(goes_through("192.168.1.9", "192.168.1.9/32"));
        assert_true(goes_through("192.168.1.9", "192.168.1.0"));
        assert_true(goes_through("192.168.1.9", "192.168.1.10/31"));
        assert_true(goes_through("192.168.1.9", "192.168.0.0/33"));
        assert_true(goes_through("192.168.1.9", "192.168.0.0/"));
        assert_true(goes_through("192.168.1.9", "192.168.0.0/x"));
        assert_true(goes_through("192.168.1.9", "0.0.0.0/0"));
        assert_true(goes_through("192.168.1.9", "1.9"));
        assert_true(goes_through("192.168.1.9", "::/0"));
        assert_false(goes_through("2001:db8::1", "2001:db8::/32"));
        assert_false(goes_through("2001:db8::1", "2001:DB8:0::1"));
        assert_false(goes_through("2001:db8::1", "2001:db9::/31"));
        assert_true(goes_through("2001:db8::1", "2001:db9::/32"));
        assert_true(goes_through("2001:db8::1", "192.168.0.0/16"));
}

/* ---- what it is ---- */

static void check(const char *text, const char *scheme, const char *login, const char *host, unsigned port)
{
        struct proxy proxy = { 0 };

        assert_int_equal(proxy_parse(text, &proxy), 0);
        assert_string_equal(proxy.scheme, scheme);
        assert_int_equal(proxy.login_length, strlen(login));
        assert_memory_equal(proxy.login, login, strlen(login));
        assert_string_equal(proxy.host, host);
        assert_int_equal(proxy.port, port);
}

static void test_parts(void **state)
{
        check("proxy", "http", "", "proxy", 1080);
        check("proxy:3128", "http", "", "proxy", 3128);
        check("HTTP://proxy:3128/", "http", "", "proxy", 3128);
        check("http://user:p@ss@proxy:3128/path?x@y", "http", "user:p@ss@", "proxy", 3128);
        check("https://proxy", "https", "", "proxy", 443);
        check("socks5://[2001:db8::1]:9", "socks5h", "", "2001:db8::1", 9);
        check("socks5h://[::1]", "socks5h", "", "::1", 1080);
        check("socks4://u@10.0.0.1", "socks4a", "u@", "10.0.0.1", 1080);
        check("socks://10.0.0.1:65535", "socks4a", "", "10.0.0.1", 65535);
}

static void test_text_that_is_none(void **state)
{
        static const char *const texts[] = {
                "",
                "http://",
                "http://:80",
                "ftp://proxy",
                "gopher://proxy",
                "http://u@",
                "http://proxy:",
                "http://proxy:0",
                "http://proxy:x",
                "http://proxy:65536",
                "http://[::1",
                "http://[]:80",
                "http://[::1]80",
                "http://proxy:080808",
                "://proxy",
        };
        char longest[16 + PROXY_HOST_MAX + 2];
        struct proxy proxy;

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                assert_int_equal(proxy_parse(texts[i], &proxy), -EINVAL);
        }
        memset(longest, 'x', PROXY_HOST_MAX);
        longest[PROXY_HOST_MAX] = '\0';
        assert_int_equal(proxy_parse(longest, &proxy), 0);
        longest[PROXY_HOST_MAX] = 'x';
        longest[PROXY_HOST_MAX + 1] = '\0';
        assert_int_equal(proxy_parse(longest, &proxy), -EINVAL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_words),       cmocka_unit_test(test_names_that_go_without),
                cmocka_unit_test(test_a_long_list), cmocka_unit_test(test_addresses_that_go_without),
                cmocka_unit_test(test_parts),       cmocka_unit_test(test_text_that_is_none),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

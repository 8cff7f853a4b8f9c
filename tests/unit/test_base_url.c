/* Base URLs: https, a host that is not known to be the wrong one, and nothing that could carry a secret or a
 * surprise. */
#include "lib/base_url.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <errno.h>

static void expect(const char *text, const char *expected)
{
        _cleanup_free_ char *url = NULL;
        char why[256] = "";

        if (base_url_parse(text, &url, why, sizeof(why)) != 0) {
                fail_msg("%s: %s", text, why);
        }
        assert_string_equal(url, expected);
}

static void expect_refusal(const char *text, const char *part)
{
        char *url = NULL;
        char why[256] = "";

        assert_int_equal(base_url_parse(text, &url, why, sizeof(why)), -EINVAL);
        assert_null(url);
        if (!strstr(why, part)) {
                fail_msg("%s: expected \"%s\" in \"%s\"", text, part, why);
        }
        assert_null(strstr(why, "Swordfish"));
}

static void good_urls(void **state)
{
        expect(BASE_URL_PRODUCTION, BASE_URL_PRODUCTION);
        expect(BASE_URL_SANDBOX "/", BASE_URL_SANDBOX);
        expect("https://localhost:8443", "https://localhost:8443");
        expect("https://h:443", "https://h");
        expect("https://h:443/", "https://h");
        expect("https://[::443]:443/Path", "https://[::443]/Path");
        expect("https://h:4443", "https://h:4443");
        expect("HTTPS://API.Example.COM:65535/Base/Path/", "https://api.example.com:65535/Base/Path");
        expect("https://h/a.b_c~d-e", "https://h/a.b_c~d-e");
        expect("https://127.0.0.1:1", "https://127.0.0.1:1");
        expect("https://[::1]:8443/x", "https://[::1]:8443/x");
        expect("https://[2001:DB8::1]", "https://[2001:db8::1]");
        expect("https://xn--caf-dma.example", "https://xn--caf-dma.example");
        expect("https://h/...", "https://h/...");
        expect("https://h/rest", "https://h/rest");
        expect("https://h/rest/v10", "https://h/rest/v10");
}

static void says_what_is_wrong(void **state)
{
        static const struct {
                const char *text, *why;
        } rows[] = {
                { "http://h", "in clear" },
                { "HTTP://h", "in clear" },
                { "", "not an https URL" },
                { "h", "not an https URL" },
                { "//h", "not an https URL" },
                { "https:/h", "not an https URL" },
                { "https:h", "not an https URL" },
                { "ftp://h", "not an https URL" },
                { "file:///etc/passwd", "not an https URL" },
                { " https://h", "not an https URL" },
                { "\"https://h\"", "not an https URL" },
                { "https://", "host is missing" },
                { "https:///", "host is missing" },
                { "https:///x", "host is missing" },
                { "https://:443", "host is missing" },
                { "https://user@h", "user information" },
                { "https://user:Swordfish@h", "user information" },
                { "https://h@evil.example/", "user information" },
                { "https://h?Swordfish", "query" },
                { "https://h/?x=1", "query" },
                { "https://h/#Swordfish", "query or a fragment" },
                { "https://h:0", "port" },
                { "https://h:65536", "port" },
                { "https://h:", "port" },
                { "https://h:x", "port" },
                { "https://h:-1", "port" },
                { "https://h:0443", "port" },
                { "https://h:443:443", "port" },
                { "https://::1", "host is missing" },
                { "https://h h", "neither" },
                { "https://h_h", "neither" },
                { "https://h%41", "neither" },
                { "https://h\\x", "neither" },
                { "https://.h", "neither" },
                { "https://h.", "neither" },
                { "https://h..h", "neither" },
                { "https://-h", "neither" },
                { "https://h-.x", "neither" },
                { "https://caf\xc3\xa9.example", "neither" },
                { "https://[", "neither" },
                { "https://[]", "neither" },
                { "https://[::1", "port" },
                { "https://[::1]x", "neither" },
                { "https://[127.0.0.1]", "neither" },
                { "https://[fe80::1%25eth0]", "neither" },
                { "https://h//", "segments" },
                { "https://h//x", "segments" },
                { "https://h/x//y", "segments" },
                { "https://h/a b", "segments" },
                { "https://h/%2e%2e", "segments" },
                { "https://h/a;b", "segments" },
                { "https://h/caf\xc3\xa9", "segments" },
                { "https://h/.", ". or .." },
                { "https://h/..", ". or .." },
                { "https://h/../x", ". or .." },
                { "https://h/x/./y", ". or .." },
                { "https://h/rest/v1", "/rest/v1 already" },
                { "https://h/rest/v1/", "/rest/v1 already" },
                { "https://h/x/rest/v1", "/rest/v1 already" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                expect_refusal(rows[i].text, rows[i].why);
        }
}

static void known_mix_ups_get_a_cure(void **state)
{
        expect_refusal("https://commercedeveloper.adobe.com", "write " BASE_URL_PRODUCTION);
        expect_refusal("https://CommerceDeveloper.adobe.com:443/", "write " BASE_URL_PRODUCTION);
        expect_refusal("https://commercedeveloper-sandbox.adobe.com", "write " BASE_URL_SANDBOX);
        expect_refusal("https://developer-api.magento.com/x", "write " BASE_URL_PRODUCTION);
        expect_refusal("https://developer-stg-api.magento.com", "write " BASE_URL_SANDBOX);
        expect_refusal("https://commercedeveloper.adobe.com/keys", "portal where keys are made");
        expect_refusal("https://developer-api.magento.com", "old host");
        /* Other hosts that look alike are somebody's own business. */
        expect("https://commercedeveloper.adobe.com.example", "https://commercedeveloper.adobe.com.example");
}

static void lengths_have_a_limit(void **state)
{
        char url[256];

        memset(url, 'x', sizeof(url));
        memcpy(url, "https://h/", 10);
        url[BASE_URL_MAX] = '\0';
        expect(url, url);
        url[BASE_URL_MAX] = 'x';
        url[BASE_URL_MAX + 1] = '\0';
        expect_refusal(url, "over 160");

        /* A label of 63 characters is the longest. */
        memset(url, 'x', sizeof(url));
        memcpy(url, "https://", 8);
        url[8 + 63] = '\0';
        expect(url, url);
        url[8 + 63] = 'x';
        url[8 + 64] = '\0';
        expect_refusal(url, "neither");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(good_urls),
                cmocka_unit_test(says_what_is_wrong),
                cmocka_unit_test(known_mix_ups_get_a_cure),
                cmocka_unit_test(lengths_have_a_limit),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

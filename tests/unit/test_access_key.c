/* Access keys: one line, one colon that divides, two parts of visible ASCII; and no message that gives
 * anything away. */
#include "lib/access_key.h"
#include "lib/secret.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <errno.h>

/* Parses a copy that ends where the text does, so that a sanitizer sees every byte read too far. */
static int parse(const char *text, size_t length, struct access_key **ret, const char **reterr_why)
{
        _cleanup_free_ char *exact = malloc(length + (length == 0));

        assert_non_null(exact);
        memcpy(exact, text, length);
        return access_key_parse(exact, length, ret, reterr_why);
}

static void expect_key(const char *text, const char *id, const char *secret)
{
        _cleanup_(access_key_freep) struct access_key *key = NULL;
        const char *why = NULL;

        assert_int_equal(parse(text, strlen(text), &key, &why), 0);
        assert_null(why);
        assert_string_equal(key->id, id);
        assert_string_equal(key->secret, secret);
}

static void expect_refusal(const char *text, size_t length, const char *part)
{
        struct access_key *key = NULL;
        const char *why = NULL;

        assert_int_equal(parse(text, length, &key, &why), -EINVAL);
        assert_null(key);
        assert_non_null(why);
        if (!strstr(why, part)) {
                fail_msg("expected \"%s\" in \"%s\"", part, why);
        }
}

static void reads_a_line(void **state)
{
        expect_key("AQ17NZ49WC:8820c99614d65f923df7660276f20e029d73e2ca", "AQ17NZ49WC",
                   "8820c99614d65f923df7660276f20e029d73e2ca");
        expect_key("a:b", "a", "b");
        expect_key("a:b\n", "a", "b");
        expect_key("a:b\r\n", "a", "b");
        expect_key("a:b:c", "a", "b:c");
        expect_key("a::", "a", ":");
        expect_key("a\"b':'c\"d", "a\"b'", "'c\"d");
        expect_key("\":'", "\"", "'");
}

/* As in the header of the request: RFC 7617. */
static void knows_how_it_is_sent(void **state)
{
        static const struct {
                const char *text, *basic;
        } rows[] = {
                { "AQ17NZ49WC:8820c99614d65f923df7660276f20e029d73e2ca",
                  "QVExN05aNDlXQzo4ODIwYzk5NjE0ZDY1ZjkyM2RmNzY2MDI3NmYyMGUwMjlkNzNlMmNh" },
                { "a:b", "YTpi" },
                { "a:b:c", "YTpiOmM=" },
                { "a::>\?~", "YTo6Pj9+" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_(access_key_freep) struct access_key *key = NULL;
                _cleanup_secret_ char *basic = NULL;
                const char *why = NULL;

                assert_int_equal(parse(rows[i].text, strlen(rows[i].text), &key, &why), 0);
                basic = access_key_basic(key);
                assert_string_equal(basic, rows[i].basic);
        }
}

static void says_what_is_wrong(void **state)
{
        static const struct {
                const char *text, *why;
        } rows[] = {
                { "", "empty" },
                { "\n", "empty" },
                { "\r\n", "empty" },
                { "no-colon", "no colon" },
                { "no-colon\n", "no colon" },
                { ":", "before the colon" },
                { ":Swordfish1", "before the colon" },
                { "Swordfish1:", "behind the colon" },
                { "Swordfish1:\n", "behind the colon" },
                { "a:Swordfish1\n\n", "more than one line" },
                { "a:Swordfish1\nb:c\n", "more than one line" },
                { "\na:Swordfish1", "more than one line" },
                { "a:Swordfish1\r", "more than one line" },
                { "a:Swordfish1\r\r\n", "more than one line" },
                { "a:Swordfish1\n\r", "more than one line" },
                { "a: Swordfish1", "space" },
                { " a:Swordfish1", "space" },
                { "a:Swordfish1 ", "space" },
                { "a:Swordfish1\t\n", "space" },
                { "\xef\xbb\xbf"
                  "a:Swordfish1",
                  "byte order mark" },
                { "a:Swordfish1\x1b[0m", "control character" },
                { "a:Swordfish1\x7f", "control character" },
                { "a:Swordfish1\xc3\xa9", "not ASCII" },
                { "a:Swordfish1\xff", "not ASCII" },
                { "\"a:Swordfish1\"", "without quotes" },
                { "'a:Swordfish1'\r\n", "without quotes" },
                { "\"a\":\"Swordfish1\"\n", "without quotes" },
                { "a:\"Swordfish1\"\n", "without quotes" },
                { "'a':Swordfish1", "without quotes" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                expect_refusal(rows[i].text, strlen(rows[i].text), rows[i].why);
        }
        expect_refusal("a:b\0c", 5, "NUL");
        expect_refusal("\0", 1, "NUL");
        expect_refusal("\0\0a:b", 5, "NUL");
}

static void names_utf_16(void **state)
{
        static const struct {
                const char *text;
                size_t length;
        } rows[] = {
                { "\xff\xfe"
                  "a\0:\0b\0\r\0\n\0",
                  12 },
                { "\xfe\xff\0a\0:\0b\0\n", 10 },
                { "\xff\xfe", 2 },
                { "a\0:\0b\0", 6 },
                { "a\0:\0b\0\n\0", 8 },
                { "\0a\0:\0b\0\n", 8 },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                expect_refusal(rows[i].text, rows[i].length, "UTF-16: save it as plain ASCII text");
        }
}

static void no_message_quotes_the_file(void **state)
{
        static const char *const texts[] = { ":Swordfish1",     "Swordfish1:",       "Swordfish1",
                                             "x:Swordfish1 ",   "x:Swordfish1\ny:z", "x:Swordfish1\x80",
                                             "\"x:Swordfish1\"" };

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                struct access_key *key = NULL;
                const char *why = NULL;

                assert_int_equal(parse(texts[i], strlen(texts[i]), &key, &why), -EINVAL);
                assert_null(strstr(why, "Swordfish"));
        }
}

/* Every byte in both parts: visible ASCII passes, and nothing else. The colon of the ID divides it. */
static void every_byte(void **state)
{
        for (int c = 0; c <= 255; c++) {
                char in_id[] = { 'a', (char)c, 'a', ':', 'b' },
                     in_secret[] = { 'a', ':', 'b', (char)c, 'b' };
                int expected = c >= 0x21 && c <= 0x7e ? 0 : -EINVAL;
                _cleanup_(access_key_freep) struct access_key *first = NULL, *second = NULL;
                const char *why;

                assert_int_equal(parse(in_id, sizeof(in_id), &first, &why), expected);
                assert_int_equal(parse(in_secret, sizeof(in_secret), &second, &why), expected);
                if (expected == 0) {
                        assert_int_equal(strlen(first->id), c == ':' ? 1 : 3);
                }
        }
}

static int parse_lengths(size_t id_length, size_t secret_length, const char *end, const char **reterr_why)
{
        _cleanup_(access_key_freep) struct access_key *key = NULL;
        char text[4096];
        int r;

        memset(text, 'x', sizeof(text));
        text[id_length] = ':';
        memcpy(text + id_length + 1 + secret_length, end, strlen(end));
        r = parse(text, id_length + 1 + secret_length + strlen(end), &key, reterr_why);
        if (r == 0) {
                assert_int_equal(strlen(key->id), id_length);
                assert_int_equal(strlen(key->secret), secret_length);
        }
        return r;
}

static void lengths_have_limits(void **state)
{
        const char *why = NULL;

        assert_int_equal(parse_lengths(1, 1, "", &why), 0);
        assert_int_equal(parse_lengths(APPLICATION_ID_MAX, 1, "\n", &why), 0);
        assert_int_equal(parse_lengths(1, APPLICATION_SECRET_MAX, "", &why), 0);
        assert_int_equal(parse_lengths(APPLICATION_ID_MAX, APPLICATION_SECRET_MAX, "\r\n", &why), 0);
        assert_int_equal(parse_lengths(APPLICATION_ID_MAX + 1, 1, "", &why), -EINVAL);
        assert_non_null(strstr(why, "application ID is over 256"));
        assert_int_equal(parse_lengths(1, APPLICATION_SECRET_MAX + 1, "\n", &why), -EINVAL);
        assert_non_null(strstr(why, "application secret is over 1024"));
        assert_int_equal(ACCESS_KEY_TEXT_MAX, 256 + 1 + 1024 + 2);
}

static bool equal(const char *a, const char *b)
{
        _cleanup_(access_key_freep) struct access_key *first = NULL, *second = NULL;
        const char *why;

        assert_int_equal(parse(a, strlen(a), &first, &why), 0);
        assert_int_equal(parse(b, strlen(b), &second, &why), 0);
        assert_int_equal(access_key_equal(first, second), access_key_equal(second, first));
        return access_key_equal(first, second);
}

static void equal_means_both_parts(void **state)
{
        assert_true(equal("id:secret", "id:secret"));
        assert_true(equal("id:secret\n", "id:secret\r\n"));
        assert_false(equal("id:secret", "Id:secret"));
        assert_false(equal("id:secret", "ie:secret"));
        assert_false(equal("id:secret", "id:Secret"));
        assert_false(equal("id:secret", "id:secres"));
        assert_false(equal("id:secret", "id:secret1"));
        assert_false(equal("id:secret", "id1:secret"));
        assert_false(equal("ab:c", "a:bc"));
        /* Two differences do not cancel each other out. */
        assert_false(equal("ab:cd", "ba:dc"));
}

static void both_parts_lie_in_one_block(void **state)
{
        _cleanup_(access_key_freep) struct access_key *key = NULL;
        const char *why;

        assert_int_equal(parse("id:secret", 9, &key, &why), 0);
        assert_ptr_equal(key->id, (const char *)(key + 1));
        assert_ptr_equal(key->secret, key->id + 3);
}

static void freeing_nothing_is_fine(void **state)
{
        struct access_key *key = NULL;

        assert_null(access_key_free(NULL));
        access_key_freep(&key);
        assert_null(key);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(reads_a_line),
                cmocka_unit_test(knows_how_it_is_sent),
                cmocka_unit_test(says_what_is_wrong),
                cmocka_unit_test(names_utf_16),
                cmocka_unit_test(no_message_quotes_the_file),
                cmocka_unit_test(every_byte),
                cmocka_unit_test(lengths_have_limits),
                cmocka_unit_test(equal_means_both_parts),
                cmocka_unit_test(both_parts_lie_in_one_block),
                cmocka_unit_test(freeing_nothing_is_fine),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

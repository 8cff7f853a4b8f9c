/* Settings as lines: headings, comments, bytes that are no text, long lines; and that FILE:LINE is right. */
#include "tests/unit/settings_text.h"

#include <stdio.h>

#define NO_SETTING "this is no setting: write KEY = VALUE, or # before a comment"
#define SECTIONS   "[broker], [environment NAME], [gateway ENVIRONMENT], [local NAME] or [share]"
#define UNKNOWN    "unknown section: write " SECTIONS
#define BRACKET    "a heading ends with its only bracket: write " SECTIONS
#define BAD_NAME                                                                                            \
        "this is no name of an environment: write a letter of a-z, then up to 31 of a-z 0-9 -, and not "    \
        "v1, "                                                                                              \
        "livez, readyz or metrics"
#define INDENTED                                                                                            \
        "the line is indented: begin it in the first column; a value ends with its line, and a list has "   \
        "one "                                                                                              \
        "line per entry"
#define CONTROL "there is a control character in this line: retype it"

static void comments_and_white_space(void **state)
{
        static const char *const texts[] = {
                "[broker]\nmetrics = no\n",
                "[broker]\nmetrics=no",
                "[broker]\nmetrics   =\tno   \t",
                "[broker]\r\nmetrics = no\r\n",
                "\xef\xbb\xbf[broker]\nmetrics = no\n",
                "# a = b\n; [x]\n\n   # [y]\n\t; z\n \t \n[broker]\nmetrics = no\n",
                "[broker] # metrics = yes\nmetrics = no # yes\n",
                "[broker]\t; text\nmetrics = no ; yes # no\n",
                "[broker]\nmetrics = no #\n",
                "[broker]\n#metrics = yes\nmetrics = no\n#metrics = yes\n",
                "[broker]\nmetrics = no\n# caf\xc3\xa9 \xff \x01 [ = : \n",
                "[broker]\n[environment sandbox]\n[broker]\nmetrics = no\n",
        };

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                _cleanup_(settings_freep) struct settings *s = read_good(texts[i]);

                assert_false(s->metrics);
        }
}

static void marks_inside_a_word_are_no_comment(void **state)
{
        _cleanup_(settings_freep) struct settings *s =
                read_good("[broker]\nkeys_directory = /srv/a#b;c # d\nlisten = /run/a;b\n");

        assert_string_equal(s->keys_directory, "/srv/a#b;c");
        assert_string_equal(s->listen[0].path, "/run/a;b");
}

static void values_may_have_an_equals_sign(void **state)
{
        _cleanup_(settings_freep) struct settings *s =
                read_good("[broker]\nkeys_directory = /srv/a=b:c d\n");

        assert_string_equal(s->keys_directory, "/srv/a=b:c d");
}

static void long_comments_are_fine(void **state)
{
        _cleanup_(settings_freep) struct settings *s = NULL;
        char text[2048];

        memset(text, 'x', sizeof(text));
        memcpy(text, "[broker]\n# ", 11);
        memcpy(text + 1000, "\nmetrics = no # ", 16);
        text[2000] = '\0';
        s = read_good(text);
        assert_false(s->metrics);
}

static void sections(void **state)
{
        expect_error("[brokers]\n", "a.conf:1: " UNKNOWN);
        expect_error("\n\n[]\n", "a.conf:3: " UNKNOWN);
        expect_error("[Broker]\n", "a.conf:1: " UNKNOWN);
        expect_error("[ broker]\n", "a.conf:1: " UNKNOWN);
        expect_error("[broker ]\n", "a.conf:1: " UNKNOWN);
        expect_error("[environments x]\n", "a.conf:1: " UNKNOWN);
        expect_error("[environment\tx]\n", "a.conf:1: " UNKNOWN);
        expect_error("[aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggggggg]\n",
                     "a.conf:1: " UNKNOWN);
        expect_error("[sandbox]\n",
                     "a.conf:1: unknown section [sandbox]: did you mean [environment sandbox]?");
        expect_error("[environment]\n", "a.conf:1: the name is missing: write [environment NAME]");
        expect_error("[environment ]\n", "a.conf:1: " BAD_NAME);
        expect_error("[environment Sandbox]\n", "a.conf:1: " BAD_NAME);
        expect_error("[environment a b]\n", "a.conf:1: " BAD_NAME);
        expect_error("[environment a ]\n", "a.conf:1: " BAD_NAME);
        expect_error("[environment v1]\n", "a.conf:1: " BAD_NAME);
        expect_error("[environment aaaaaaaaaabbbbbbbbbbccccccccccddd]\n", "a.conf:1: " BAD_NAME);
        expect_error("[\n", "a.conf:1: " BRACKET);
        expect_error("[broker\n", "a.conf:1: " BRACKET);
        expect_error("[broker # ]\n", "a.conf:1: " BRACKET);
        expect_error("[broker] x\n", "a.conf:1: " BRACKET);
        expect_error("[broker]]\n", "a.conf:1: " BRACKET);
        expect_error("[broker]\n[x] # y\n", "a.conf:2: " UNKNOWN);
}

static void lines_that_are_no_settings(void **state)
{
        expect_error("[broker]\nmetrics\n", "a.conf:2: " NO_SETTING);
        expect_error("[broker]\nmetrics no\n", "a.conf:2: " NO_SETTING);
        expect_error("[broker]\nmetrics: no\n", "a.conf:2: " NO_SETTING);
        expect_error("[broker]\nmetrics: = no\n", "a.conf:2: " NO_SETTING);
        expect_error("x\n", "a.conf:1: " NO_SETTING);
        expect_error("[broker]\nmetrics # = no\n", "a.conf:2: " NO_SETTING);
        expect_error("[broker]\n= no\n", "a.conf:2: the key is missing: write KEY = VALUE");
        expect_error("[broker]\nmetrics =\n",
                     "a.conf:2: metrics has no value: write metrics = VALUE, or leave the line out");
        expect_error("[broker]\nmetrics = # no\n",
                     "a.conf:2: metrics has no value: write metrics = VALUE, or leave the line out");
        /* A key pasted into the wrong file is not repeated. */
        expect_error("AQ17NZ49WC:8820c99614d65f923df7660276f20e029d73e2ca\n", "a.conf:1: " NO_SETTING);
        expect_error("AQ17NZ49WC:8820c99614d65f923df7660276f20e029d73e2c=\n", "a.conf:1: " NO_SETTING);
}

static void indented_lines(void **state)
{
        expect_error("[broker]\nallow = user:a\n  user:b\n", "a.conf:3: " INDENTED);
        expect_error("[broker]\n\tmetrics = no\n", "a.conf:2: " INDENTED);
        expect_error(" [broker]\n", "a.conf:1: " INDENTED);
}

static void bytes_that_are_no_text(void **state)
{
        static const char nul[] = "[broker]\nmetrics = no\0\n", nul_in_comment[] = "[broker]\n# \0\n";
        static const char utf16[] = "\xff\xfe[\0b\0";

        expect_bytes_error(nul, sizeof(nul) - 1,
                           "a.conf:2: there is a NUL byte in this line: this is no text file");
        expect_bytes_error(nul_in_comment, sizeof(nul_in_comment) - 1,
                           "a.conf:2: there is a NUL byte in this line: this is no text file");
        expect_bytes_error(utf16, sizeof(utf16) - 1,
                           "a.conf:1: there is a NUL byte in this line: this is no text file");
        expect_error("[broker]\nmetrics = n\x1bo\n", "a.conf:2: " CONTROL);
        expect_error("[broker]\nmetrics = no\r\r\n", "a.conf:2: " CONTROL);
        expect_error("[broker]\rmetrics = no\r", "a.conf:1: " CONTROL);
        expect_error("[broker]\nmetrics = no\x7f\n", "a.conf:2: " CONTROL);
        expect_error("[broker]\nmetrics = no\f\n", "a.conf:2: " CONTROL);
        expect_error("[broker]\n\xef\xbb\xbfmetrics = no\n",
                     "a.conf:2: this is no key: known here: listen, socket_mode, socket_group, "
                     "keys_directory, key_permissions, allow, "
                     "operators, metrics, max_connections, max_connections_per_user, ready");
        expect_error("[broker]\nmetrics = caf\xc3\xa9\n", "a.conf:2: metrics = caf??: write yes or no");
}

static void long_lines_and_values(void **state)
{
        _cleanup_(settings_freep) struct settings *s = NULL;
        char text[2048], path[512];

        memset(path, 'x', sizeof(path));
        path[0] = '/';
        path[SETTINGS_VALUE_MAX] = '\0';
        (void)snprintf(text, sizeof(text), "[broker]\nkeys_directory = %s\n", path);
        s = read_good(text);
        assert_string_equal(s->keys_directory, path);

        (void)snprintf(text, sizeof(text), "[broker]\nkeys_directory = %sx\n", path);
        expect_error(text, "a.conf:2: the value of keys_directory is over 160 characters long");
        (void)snprintf(text, sizeof(text), "[broker]\nkeys_directory = %s%s\n", path, path);
        expect_error(text,
                     "a.conf:2: the line is too long: write it with less white space, or a shorter value");
        (void)snprintf(text, sizeof(text), "[broker]\nmetrics = %190sno\n", "");
        expect_error(text,
                     "a.conf:2: the line is too long: write it with less white space, or a shorter value");
}

static void files_have_a_limit(void **state)
{
        _cleanup_free_ char *text = malloc(SETTINGS_TEXT_MAX + 1);
        _cleanup_(settings_freep) struct settings *s = NULL;
        char message[SETTINGS_ERROR_MAX];

        assert_non_null(text);
        memset(text, '\n', SETTINGS_TEXT_MAX + 1);
        assert_int_equal(settings_new(&s), 0);
        assert_int_equal(read_bytes(s, text, SETTINGS_TEXT_MAX, message), 0);
        expect_bytes_error(text, SETTINGS_TEXT_MAX + 1,
                           "a.conf:1: the file is over 1 MiB long: this is no configuration");
        memcpy(text + SETTINGS_TEXT_MAX - 1, "x", 1);
        expect_bytes_error(text, SETTINGS_TEXT_MAX, "a.conf:1048576: " NO_SETTING);
}

static void long_file_names_keep_their_end(void **state)
{
        _cleanup_(settings_freep) struct settings *s = NULL;
        char message[SETTINGS_ERROR_MAX], name[4096];

        memset(name, 'd', sizeof(name));
        memcpy(name + sizeof(name) - 8, "/x.conf", 8);
        assert_int_equal(settings_new(&s), 0);
        assert_int_equal(settings_read(s, name, "x", 1, message), -EINVAL);
        assert_int_equal(strncmp(message, "...ddd", 6), 0);
        assert_non_null(strstr(message, "ddd/x.conf:1: " NO_SETTING));
}

/* The longest file name with the longest message still fits, and ends well. */
static void long_messages_are_cut(void **state)
{
        _cleanup_(settings_freep) struct settings *s = NULL;
        char message[SETTINGS_ERROR_MAX + 1], name[200], text[256];

        memset(name, 'n', sizeof(name));
        name[199] = '\0';
        memset(text, 'x', sizeof(text));
        memcpy(text, "[broker]\nlisten = ", 18);
        message[SETTINGS_ERROR_MAX] = '#';
        assert_int_equal(settings_new(&s), 0);
        assert_int_equal(settings_read(s, name, text, 18 + SETTINGS_VALUE_MAX, message), -EINVAL);
        assert_true(strlen(message) < SETTINGS_ERROR_MAX);
        assert_int_equal(message[SETTINGS_ERROR_MAX], '#');
        assert_non_null(strstr(message, "xxx...: loopback only"));
}

static void the_first_error_counts(void **state)
{
        expect_error("[broker]\n\nmetrics = 1\nready = 2\n[x]\n", "a.conf:3: metrics = 1: write yes or no");
        expect_error("[broker]\r\n\r\n# x\r\nready = 2\r\n",
                     "a.conf:4: ready = 2: write listening or answered");
        expect_error(
                "\xef\xbb\xbf\n\nx = 1\n[y",
                "a.conf:3: unknown key x: known here: listen, socket_mode, socket_group, keys_directory, "
                "key_permissions, allow, operators, metrics, max_connections, "
                "max_connections_per_user, ready");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(comments_and_white_space),
                cmocka_unit_test(marks_inside_a_word_are_no_comment),
                cmocka_unit_test(values_may_have_an_equals_sign),
                cmocka_unit_test(long_comments_are_fine),
                cmocka_unit_test(sections),
                cmocka_unit_test(lines_that_are_no_settings),
                cmocka_unit_test(indented_lines),
                cmocka_unit_test(bytes_that_are_no_text),
                cmocka_unit_test(long_lines_and_values),
                cmocka_unit_test(files_have_a_limit),
                cmocka_unit_test(long_file_names_keep_their_end),
                cmocka_unit_test(long_messages_are_cut),
                cmocka_unit_test(the_first_error_counts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A record of the log as a line: text, and JSON that is JSON whatever the message holds. */
#include "daemon/base/events.h"
#include "daemon/base/log_line.h"
#include "lib/json_feed.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <json-c/json.h>
#include <stdio.h>

#define TIME "2026-11-23T05:02:11.042Z"

static char line[LOG_LINE_MAX + 1];

static const char *text_of(const struct journal_record *record, const char *message, bool prefix)
{
        line[log_line_text(record, message, prefix, line)] = '\0';
        return line;
}

static const char *json_of(const struct journal_record *record, const char *message)
{
        line[log_line_json(record, message, TIME, line)] = '\0';
        return line;
}

/* The member of the line, which must be one JSON object and a line end. The next call ends its life. */
static const char *member(const char *name)
{
        static struct json_object *object;
        struct json_tokener *tokener = json_tokener_new();
        struct json_object *value = NULL;
        size_t length = strlen(line);

        assert_true(length > 1 && length <= LOG_LINE_MAX && strchr(line, '\n') == line + length - 1);
        json_object_put(object);
        object = NULL;
        (void)json_feed(tokener, line, length - 1, &object);
        json_tokener_free(tokener);
        if (!json_object_is_type(object, json_type_object)) {
                fail_msg("no JSON object: %s", line);
        }
        return json_object_object_get_ex(object, name, &value) ? json_object_get_string(value) : NULL;
}

static void as_text(void **state)
{
        const struct journal_record plain = { .priority = LOG_WARNING };
        const struct journal_record sandbox = { .priority = LOG_INFO, .environment = "sandbox" };
        assert_string_equal(text_of(&plain, "hello", true), "<4>hello\n");
        assert_string_equal(text_of(&plain, "hello", false), "hello\n");
        assert_string_equal(text_of(&sandbox, "new token", true), "<6>sandbox: new token\n");
        assert_string_equal(text_of(&sandbox, "a\n<3>b\r\x1b[2J\x7f", false), "sandbox: a?<3>b??[2J?\n");
        assert_string_equal(text_of(&sandbox, "caf\xc3\xa9", false), "sandbox: caf\xc3\xa9\n");
        assert_string_equal(text_of(&plain,
                                    "caf\xe9\xc2\x9b"
                                    "2J\xc2\xa0",
                                    false),
                            "caf\\xe9?2J\xc2\xa0\n");
}

static void as_json(void **state)
{
        const struct journal_record whole = { .priority = LOG_NOTICE,
                                              .id = EVENT_CALLER_REFUSED,
                                              .environment = "sandbox",
                                              .key = "1-main",
                                              .client = "a/b@c",
                                              .uid = "1000",
                                              .unit = "deploy.service" };
        const struct journal_record bare = { .priority = LOG_ERR };
        assert_string_equal(
                json_of(&whole, "so it is"),
                "{\"time\":\"" TIME "\",\"level\":\"notice\",\"message\":\"so it is\","
                "\"message_id\":\"" EVENT_CALLER_REFUSED "\",\"environment\":\"sandbox\","
                "\"key\":\"1-main\",\"client\":\"a/b@c\",\"uid\":\"1000\",\"unit\":\"deploy.service\"}\n");
        assert_string_equal(json_of(&bare, ""),
                            "{\"time\":\"" TIME "\",\"level\":\"error\",\"message\":\"\"}\n");
}

static void levels(void **state)
{
        static const char *const names[] = { "emergency", "alert",  "critical", "error",
                                             "warning",   "notice", "info",     "debug" };

        for (int priority = LOG_EMERG; priority <= LOG_DEBUG; priority++) {
                (void)json_of(&(struct journal_record){ .priority = priority }, "x");
                assert_string_equal(member("level"), names[priority]);
        }
}

static void characters_that_json_must_escape(void **state)
{
        const struct journal_record record = { .priority = LOG_INFO };
        (void)json_of(&record, "\"quoted\" \\ / \b\f\n\r\t \x01\x1f\x7f caf\xc3\xa9 \xf0\x9f\x94\x91");
        assert_string_equal(member("message"),
                            "\"quoted\" \\ / \b\f\n\r\t \x01\x1f\x7f caf\xc3\xa9 \xf0\x9f\x94\x91");
        assert_null(strchr(line, '\x7f'));
        (void)json_of(&record, "a\xff"
                               "b\xc3");
        assert_string_equal(member("message"), "a\\xffb\\xc3");
        (void)json_of(&record, "\xed\xa0\x80");
        assert_string_equal(member("message"), "\\xed\\xa0\\x80");
}

/* Whatever byte it is, at whatever length: a line, and within the bound. */
static void any_message(void **state)
{
        const struct journal_record record = { .priority = LOG_INFO,
                                               .id = EVENT_STARTED,
                                               .environment = "an-environment-with-a-long-name-",
                                               .key = "a-label-that-is-as-long-as-can-be",
                                               .client = "a-client",
                                               .uid = "4294967295" };
        char message[2 * LOG_LINE_MAX];

        for (unsigned byte = 1; byte < 256; byte++) {
                for (size_t length = 1; length < sizeof(message); length = length * 2 + byte % 3) {
                        memset(message, (int)byte, length);
                        message[length] = '\0';
                        (void)json_of(&record, message);
                        assert_non_null(member("message"));
                        assert_string_equal(member("uid"), "4294967295");
                        size_t written = strlen(text_of(&record, message, true));
                        assert_true(written <= LOG_LINE_MAX && strchr(line, '\n') == line + written - 1);
                }
        }
}

static void a_character_is_not_cut(void **state)
{
        const struct journal_record record = { .priority = LOG_INFO };
        char message[LOG_LINE_MAX + 8];

        for (size_t shift = 0; shift < 4; shift++) {
                memset(message, 'x', shift);
                for (size_t i = shift; i + 4 < sizeof(message); i += 4) {
                        memcpy(message + i, "\xf0\x9f\x94\x91", 5);
                }
                (void)json_of(&record, message);
                assert_null(strstr(member("message"), "\\x"));
        }
}

static void fields_without_room_are_left_out(void **state)
{
        char value[LOG_LINE_MAX];

        memset(value, '"', sizeof(value) - 1);
        value[sizeof(value) - 1] = '\0';
        const struct journal_record record = {
                .priority = LOG_INFO, .environment = value, .key = value, .client = value, .uid = "1"
        };
        (void)json_of(&record, value);
        assert_non_null(member("message"));
        assert_null(member("uid"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(as_text),
                cmocka_unit_test(as_json),
                cmocka_unit_test(levels),
                cmocka_unit_test(characters_that_json_must_escape),
                cmocka_unit_test(any_message),
                cmocka_unit_test(a_character_is_not_cut),
                cmocka_unit_test(fields_without_room_are_left_out),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}

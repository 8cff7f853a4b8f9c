/* A record of the log as an entry for the journal: its fields, and that no value becomes another field. */
#include "daemon/base/events.h"
#include "daemon/base/journal_entry.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <stdio.h>

static char bytes[JOURNAL_ENTRY_MAX];
static size_t length;

/* The value of a field, by the lengths that the entry tells; NULL without one. */
static const char *field(const char *wanted)
{
        static char value[JOURNAL_ENTRY_MAX + 1];
        const char *found = NULL;

        for (size_t at = 0; at < length;) {
                const char *name = bytes + at, *end = memchr(name, '\n', length - at);
                uint64_t n = 0;
                assert_non_null(end);
                for (size_t i = 8; i > 0; i--) {
                        n = n << 8 | (unsigned char)end[i];
                }
                assert_true(n <= length - (size_t)(end + 10 - bytes));
                assert_int_equal(end[9 + n], '\n');
                if ((size_t)(end - name) == strlen(wanted) && memcmp(name, wanted, strlen(wanted)) == 0) {
                        assert_null(found); /* once */
                        memcpy(value, end + 9, n);
                        value[n] = '\0';
                        found = value;
                }
                at = (size_t)(end + 10 + n - bytes);
        }
        return found;
}

static void all_fields(void **state)
{
        const struct journal_record record = { .priority = LOG_WARNING,
                                               .id = EVENT_STARTED,
                                               .environment = "sandbox",
                                               .key = "1-main",
                                               .client = "nightly",
                                               .uid = "1000",
                                               .unit = "shop.service" };
        length = journal_entry(&record, "hello", bytes);
        assert_string_equal(field("MESSAGE"), "sandbox: hello");
        assert_string_equal(field("PRIORITY"), "4");
        assert_string_equal(field("SYSLOG_IDENTIFIER"), "eqp-brokerd");
        assert_string_equal(field("MESSAGE_ID"), EVENT_STARTED);
        assert_string_equal(field("EQP_ENVIRONMENT"), "sandbox");
        assert_string_equal(field("EQP_KEY"), "1-main");
        assert_string_equal(field("EQP_CLIENT"), "nightly");
        assert_string_equal(field("EQP_UID"), "1000");
        assert_string_equal(field("EQP_UNIT"), "shop.service");
}

static void only_what_there_is(void **state)
{
        const struct journal_record record = { .priority = LOG_INFO };

        length = journal_entry(&record, "a\nEQP_UID\nb", bytes);
        assert_string_equal(field("MESSAGE"), "a\nEQP_UID\nb");
        assert_null(field("MESSAGE_ID"));
        assert_null(field("EQP_UID"));
}

static void too_long(void **state)
{
        static char text[JOURNAL_ENTRY_MAX * 2];
        const struct journal_record record = { .priority = LOG_ERR,
                                               .id = text,
                                               .environment = text,
                                               .key = text,
                                               .client = text,
                                               .uid = text,
                                               .unit = text };
        memset(text, 'x', sizeof(text) - 1);
        length = journal_entry(&record, text, bytes);
        assert_true(length <= sizeof(bytes));
        assert_int_equal(strlen(field("EQP_UNIT")), 256);
        assert_string_equal(field("PRIORITY"), "3");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(all_fields),
                cmocka_unit_test(only_what_there_is),
                cmocka_unit_test(too_long),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The journal's lines on a store that comes and goes. */
#include "daemon/base/clock.h"
#include "daemon/base/journal.h"
#include "daemon/keeper/share.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <stdio.h>

static uint64_t now_usec;
static unsigned n_told;
static char told[512];

uint64_t __wrap_clock_now_usec(void);
void __wrap_journal_say(const struct journal_record *, const char *, ...) _printf_(2, 3);

uint64_t __wrap_clock_now_usec(void)
{
        return now_usec;
}

void __wrap_journal_say(const struct journal_record *record, const char *format, ...)
{
        va_list arguments;

        n_told++;
        va_start(arguments, format);
        (void)vsnprintf(told, sizeof(told), format, arguments);
        va_end(arguments);
}

static struct share_settings settings = { .n_stores = 1 };
static struct share share;

static int set_up(void **state)
{
        (void)snprintf(settings.stores[0].text, sizeof(settings.stores[0].text), "redis://a:1");
        share = (struct share){ .settings = &settings };
        now_usec = 5 * USEC_PER_SEC; /* just after the boot */
        n_told = 0;
        return 0;
}

/* Returns whether that was said. */
static bool note(enum store_state state)
{
        unsigned before = n_told;

        share_note(&share, 0, state, "");
        return n_told > before;
}

static void each_change_is_said(void **state)
{
        for (int i = 0; i < 10; i++) {
                assert_true(note(STORE_FINE));
                assert_string_equal(told,
                                    i > 0 ? "session tokens are shared through the store redis://a:1 again"
                                          : "session tokens are shared through the store redis://a:1");
                now_usec += USEC_PER_SEC;
                assert_false(note(STORE_FINE));
                assert_true(note(STORE_SILENT));
                assert_non_null(strstr(told, "redis://a:1 cannot be used, and"));
                assert_false(note(STORE_SILENT));
                now_usec += USEC_PER_MIN;
        }
}

/* 100 changes in 10 min: a pair in each minute, and all are accounted for. */
static void a_pair_a_minute(void **state)
{
        unsigned n_said = 0, n_untold = 0, n;

        for (int i = 0; i < 100; i++) {
                if (note(i % 2 ? STORE_FINE : STORE_UNREACHABLE)) {
                        const char *after = strstr(told, "(after ");

                        n_said++;
                        if (after) {
                                assert_int_equal(sscanf(after, "(after %u changes that are not logged)", &n),
                                                 1);
                                n_untold += n;
                        }
                }
                now_usec += 6 * USEC_PER_SEC;
        }
        assert_in_range(n_said, 18, 20);
        assert_int_equal(n_said + n_untold + share.n_untold, 100);
}

/* The last word is true: how it is, is said when there may be a line again. */
static void a_change_is_said_late(void **state)
{
        assert_true(note(STORE_FINE));
        assert_true(note(STORE_FULL));
        assert_true(note(STORE_FINE)); /* that it is over is always said */
        assert_null(strstr(told, "after"));
        assert_false(note(STORE_FULL));
        now_usec += USEC_PER_MIN;
        assert_true(note(STORE_FULL)); /* late, and the only change */
        assert_null(strstr(told, "after"));
        assert_false(note(STORE_SILENT));
        assert_false(note(STORE_FULL));
        assert_false(note(STORE_SILENT));
        assert_true(note(STORE_FINE));
        assert_non_null(strstr(told, "again (after 3 changes"));
        assert_false(note(STORE_FULL));
        assert_false(note(STORE_FINE));
        assert_false(note(STORE_FULL));
        now_usec += USEC_PER_MIN;
        assert_true(note(STORE_FULL));
        assert_non_null(strstr(told, "cannot be used (after 2 changes"));
}

static void nothing_is_said_in_quiet(void **state)
{
        share.quiet = true;
        assert_false(note(STORE_FINE));
        assert_false(note(STORE_FULL));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(each_change_is_said, set_up),
                cmocka_unit_test_setup(a_pair_a_minute, set_up),
                cmocka_unit_test_setup(a_change_is_said_late, set_up),
                cmocka_unit_test_setup(nothing_is_said_in_quiet, set_up),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

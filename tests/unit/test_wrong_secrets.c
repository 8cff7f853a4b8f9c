/* Wrong secrets: some at once, then one in a while, and nobody pays for another one's. */
#include "lib/util.h"
#include "lib/wrong_secrets.h"
#include "tests/unit/unit.h"

#define NOW (1000 * USEC_PER_SEC)

static bool slowed(const struct wrong_secrets *wrong, uid_t uid, uint64_t now_usec)
{
        uint64_t until_usec = 0;
        bool too_many = wrong_secrets_too_many(wrong, uid, now_usec, &until_usec);

        assert_true(!too_many || (until_usec > now_usec && until_usec <= now_usec + WRONG_SECRETS_USEC));
        return too_many;
}

static void some_at_once(void **state)
{
        struct wrong_secrets wrong = { 0 };

        for (int i = 0; i < WRONG_SECRETS_BURST; i++) {
                assert_false(slowed(&wrong, 1000, NOW));
                wrong_secrets_note(&wrong, 1000, NOW);
        }
        assert_true(slowed(&wrong, 1000, NOW));
        assert_false(slowed(&wrong, 1001, NOW));
        assert_false(slowed(&wrong, 0, NOW));
        assert_true(slowed(&wrong, 1000, NOW + WRONG_SECRETS_USEC - 1));
        assert_false(slowed(&wrong, 1000, NOW + WRONG_SECRETS_USEC));
        wrong_secrets_note(&wrong, 1000, NOW + WRONG_SECRETS_USEC);
        assert_true(slowed(&wrong, 1000, NOW + WRONG_SECRETS_USEC));
}

static void forgiven(void **state)
{
        struct wrong_secrets wrong = { 0 };
        uint64_t later = NOW + WRONG_SECRETS_BURST * WRONG_SECRETS_USEC;

        for (int i = 0; i < WRONG_SECRETS_BURST; i++) {
                wrong_secrets_note(&wrong, 1000, NOW);
        }
        for (int i = 0; i < WRONG_SECRETS_BURST; i++) {
                assert_false(slowed(&wrong, 1000, later));
                wrong_secrets_note(&wrong, 1000, later);
        }
        assert_true(slowed(&wrong, 1000, later));
}

/* With more users than there is room for, the one that is nearest to be forgiven gives way. */
static void crowd(void **state)
{
        struct wrong_secrets wrong = { 0 };

        for (int i = 0; i < WRONG_SECRETS_BURST; i++) {
                wrong_secrets_note(&wrong, 7, NOW);
        }
        for (uid_t uid = 1000; uid < 3000; uid++) {
                wrong_secrets_note(&wrong, uid, NOW);
        }
        assert_true(slowed(&wrong, 7, NOW));
        assert_false(slowed(&wrong, 2999, NOW));
}

/* However long it goes on: as many in an hour as the pace allows, and the burst. */
static void pace(void **state)
{
        struct wrong_secrets wrong = { 0 };
        unsigned n = 0;

        for (uint64_t now = NOW; now < NOW + USEC_PER_HOUR; now += USEC_PER_SEC / 2) {
                if (!slowed(&wrong, 1000, now)) {
                        wrong_secrets_note(&wrong, 1000, now);
                        n++;
                }
        }
        assert_in_range(n, USEC_PER_HOUR / WRONG_SECRETS_USEC,
                        USEC_PER_HOUR / WRONG_SECRETS_USEC + WRONG_SECRETS_BURST);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(some_at_once), cmocka_unit_test(forgiven),
                                            cmocka_unit_test(crowd), cmocka_unit_test(pace) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}

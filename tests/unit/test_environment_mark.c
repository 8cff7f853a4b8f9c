/* Whether anything that is to survive a restart can have changed. */
#include "daemon/keeper/environment_mark.h"
#include "daemon/keeper/environment_object.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <stdio.h>

#define NOW (1000 * USEC_PER_SEC)

static struct environment environment;
static struct environments environments;
static struct session session;

static int set_up(void **state)
{
        const struct key_name names[] = { { .serial = 1, .label = "1-main" },
                                          { .serial = 2, .label = "2" } };
        struct refresh *refresh = &environment.view.refresh;

        memset(&environment, 0, sizeof(environment));
        session = (struct session){ .serial = 7 };
        (void)snprintf(environment.view.name, sizeof(environment.view.name), "sandbox");
        refresh_init(refresh);
        (void)refresh_on_keys(refresh, names, ARRAY_SIZE(names), NOW);
        const struct refresh_outcome granted = { .outcome = EXCHANGE_GRANTED,
                                                 .lifetime_sec = 7200,
                                                 .token_serial = 7,
                                                 .retry_after_sec = RETRY_AFTER_NONE };
        (void)refresh_on_outcome(refresh, &granted, NOW, 0);
        environment.session = &session;
        environments = (struct environments){ .list = { &environment }, .n = 1 };
        return 0;
}

static void test_each_saved_value_changes_it(void **state)
{
        struct refresh *refresh = &environment.view.refresh;
        uint64_t *numbers[] = { &refresh->budget.n,
                                &refresh->token_serial,
                                &refresh->expires_usec,
                                &refresh->refresh_point_usec,
                                &refresh->retry_after_usec,
                                &refresh->unauthorized_usec,
                                &refresh->reported_serial,
                                &refresh->reported_usec,
                                &refresh->keyring.keys[0].serial,
                                &refresh->keyring.keys[1].known.seen_usec,
                                &environment.view.n_exchanges,
                                &environment.view.n_answered,
                                &environment.view.n_news,
                                &session.serial };
        uint64_t mark = environments_mark(&environments);

        for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
                *numbers[i] += 1;
                assert_int_not_equal(environments_mark(&environments), mark);
                *numbers[i] -= 1;
                assert_int_equal(environments_mark(&environments), mark);
        }
        refresh->keyring.keys[1].known.standing = KEY_REFUSED;
        uint64_t refused = environments_mark(&environments);
        assert_int_not_equal(refused, mark);
        refresh->keyring.keys[1].known.cause = KEY_OUTDONE;
        assert_int_not_equal(environments_mark(&environments), refused);
}

static void test_so_do_texts_and_what_is_gone(void **state)
{
        char *texts[] = { environment.view.name, environment.view.base_url, environment.account };
        uint64_t mark = environments_mark(&environments);

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                texts[i][0]++;
                assert_int_not_equal(environments_mark(&environments), mark);
                texts[i][0]--;
        }
        environment.session = NULL;
        assert_int_not_equal(environments_mark(&environments), mark);
        environments.n = 0;
        assert_int_not_equal(environments_mark(&environments), mark);
}

/* Otherwise anybody could have the texts written anew as often as they can ask. */
static void test_refused_wishes_do_not(void **state)
{
        struct refresh *refresh = &environment.view.refresh;
        struct refresh_obstacle obstacle;
        struct refresh_step step;
        uint64_t mark = environments_mark(&environments);

        assert_int_equal(refresh_on_demand(refresh, 9000, NOW, &step, &obstacle), REFRESH_UNATTAINABLE);
        assert_int_equal(refresh_on_demand(refresh, 60, NOW, &step, &obstacle), REFRESH_SATISFIED);
        assert_int_equal(refresh_on_report(refresh, 0, NOW, &step, &obstacle), REFRESH_NOT_CURRENT);
        assert_int_equal(environments_mark(&environments), mark);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_each_saved_value_changes_it, set_up),
                cmocka_unit_test_setup(test_so_do_texts_and_what_is_gone, set_up),
                cmocka_unit_test_setup(test_refused_wishes_do_not, set_up),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Those who wait: told once, may wait again, may go away at any moment. */
#include "daemon/base/waiters.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

static struct waiters list;
static unsigned n_told;
static struct waiter one, two, three;

static void count(struct waiter *waiter)
{
        n_told++;
}

static void wait_again(struct waiter *waiter)
{
        n_told++;
        waiters_add(&list, waiter);
}

static void cancel_the_others(struct waiter *waiter)
{
        n_told++;
        waiter_cancel(&one);
        waiter_cancel(&two);
        waiter_cancel(&three);
}

static int set_up(void **state)
{
        list = (struct waiters){ 0 };
        one = two = three = (struct waiter){ .on_news = count };
        n_told = 0;
        return 0;
}

static void test_each_is_told_once(void **state)
{
        waiters_add(&list, &one);
        waiters_add(&list, &two);
        waiters_add(&list, &two);
        waiters_tell(&list);
        assert_int_equal(n_told, 2);
        waiters_tell(&list);
        assert_int_equal(n_told, 2);
}

static void test_a_waiter_that_waits_again_is_called_at_the_next_news(void **state)
{
        one.on_news = wait_again;
        waiters_add(&list, &one);
        waiters_add(&list, &two);
        waiters_tell(&list);
        assert_int_equal(n_told, 2);
        waiters_tell(&list);
        assert_int_equal(n_told, 3);
}

static void test_a_waiter_that_goes_away_meanwhile_is_not_called(void **state)
{
        one.on_news = two.on_news = three.on_news = cancel_the_others;
        waiters_add(&list, &one);
        waiters_add(&list, &two);
        waiters_add(&list, &three);
        waiters_tell(&list);
        assert_int_equal(n_told, 1);
        assert_null(list.first);
}

static void test_cancel_is_harmless(void **state)
{
        waiter_cancel(&one);
        waiters_add(&list, &one);
        waiters_add(&list, &two);
        waiters_add(&list, &three);
        waiter_cancel(&two);
        waiter_cancel(&two);
        waiters_tell(&list);
        assert_int_equal(n_told, 2);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_each_is_told_once, set_up),
                cmocka_unit_test_setup(test_a_waiter_that_waits_again_is_called_at_the_next_news, set_up),
                cmocka_unit_test_setup(test_a_waiter_that_goes_away_meanwhile_is_not_called, set_up),
                cmocka_unit_test_setup(test_cancel_is_harmless, set_up),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The exchanges of all: floor and budget hold for a key at a base URL, whichever environment uses it. */
#include "lib/exchange_ledger.h"
#include "lib/refresh.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <stdio.h>

#define START (1000 * USEC_PER_SEC)

static struct exchange_ledger ledger;

static int set_up(void **state)
{
        memset(&ledger, 0, sizeof(ledger));
        return 0;
}

/* The digest of the key of this number. */
static const uint8_t *digest(unsigned number)
{
        static uint8_t bytes[KEYED_DIGEST_SIZE];

        memset(bytes, 0, sizeof(bytes));
        memcpy(bytes, &number, sizeof(number));
        return bytes;
}

static uint64_t free_for(unsigned number, enum refresh_share share)
{
        return exchange_ledger_free_usec(&ledger, digest(number), share);
}

static uint64_t free_usec(unsigned number)
{
        return free_for(number, REFRESH_SHARE_NEED);
}

static void take_for(unsigned number, enum refresh_share share, uint64_t now_usec)
{
        assert_true(free_for(number, share) <= now_usec);
        exchange_ledger_take(&ledger, digest(number), share, now_usec);
}

static void take(unsigned number, uint64_t now_usec)
{
        take_for(number, REFRESH_SHARE_NEED, now_usec);
}

static void test_floor_is_of_each_key_alone(void **state)
{
        assert_true(free_usec(1) <= START);
        take(1, START);
        assert_int_equal(free_usec(1), START + REFRESH_FLOOR_USEC);
        assert_true(free_usec(2) <= START);
}

/* The more of each in turn, as several environments may want them. */
static void test_sixty_in_any_hour(void **state)
{
        uint64_t now_usec = START, first[_REFRESH_SHARE_COUNT] = { 0 };
        unsigned n = 0, before;

        do {
                before = n;
                for (unsigned share = 0; share < _REFRESH_SHARE_COUNT; share++) {
                        if (free_for(1, (enum refresh_share)share) <= now_usec) {
                                take_for(1, (enum refresh_share)share, now_usec);
                                first[share] = first[share] > 0 ? first[share] : now_usec;
                                n++;
                                now_usec += 2 * REFRESH_FLOOR_USEC;
                        }
                }
        } while (n > before);
        assert_int_equal(n, REFRESH_HOURLY_BUDGET);
        for (unsigned share = 0; share < _REFRESH_SHARE_COUNT; share++) {
                assert_int_equal(free_for(1, (enum refresh_share)share), first[share] + USEC_PER_HOUR);
        }
        take(1, START + USEC_PER_HOUR);
        assert_int_equal(free_for(1, REFRESH_SHARE_TRIAL), first[REFRESH_SHARE_TRIAL] + USEC_PER_HOUR);
        assert_true(free_usec(2) <= now_usec);
}

/* Ten environments with one key, each with four reports and four demands: need has its 44 all the same. */
static void test_no_wish_takes_what_need_is_to_have(void **state)
{
        static const enum refresh_share shares[] = { REFRESH_SHARE_REPORT, REFRESH_SHARE_DEMAND };
        uint64_t now_usec = START;
        unsigned n_wishes = 0, n_needs = 0;

        for (unsigned i = 0; i < 10 * 4 * ARRAY_SIZE(shares); i++) {
                enum refresh_share share = shares[i % ARRAY_SIZE(shares)];
                if (free_for(1, share) <= now_usec) {
                        take_for(1, share, now_usec);
                        n_wishes++;
                }
                now_usec += REFRESH_FLOOR_USEC;
        }
        assert_int_equal(n_wishes, ARRAY_SIZE(shares) * REFRESH_WISH_SHARE);
        assert_true(free_for(1, REFRESH_SHARE_OPERATOR) <= now_usec);
        for (; free_usec(1) <= now_usec; now_usec += REFRESH_FLOOR_USEC) {
                take(1, now_usec);
                n_needs++;
        }
        assert_int_equal(n_needs, REFRESH_NEED_SHARE);
        assert_int_equal(free_for(1, REFRESH_SHARE_REPORT), START + USEC_PER_HOUR);
        assert_true(free_for(1, REFRESH_SHARE_OPERATOR) <= now_usec);
}

/* 10,000 attempts at random moments, by either of two environments. */
static void test_no_way_round_it(void **state)
{
        uint64_t now_usec = START, sent[10000];
        size_t n = 0;

        for (unsigned i = 0; i < ARRAY_SIZE(sent); i++) {
                now_usec += (i * UINT64_C(2654435761)) % (i % 7 == 0 ? 90000000 : 900000);
                enum refresh_share share = (enum refresh_share)(i % 13 % _REFRESH_SHARE_COUNT);
                if (free_for(1, share) <= now_usec) {
                        exchange_ledger_take(&ledger, digest(1), share, now_usec);
                        assert_true(n == 0 || sent[n - 1] + REFRESH_FLOOR_USEC <= now_usec);
                        assert_true(n < REFRESH_HOURLY_BUDGET ||
                                    sent[n - REFRESH_HOURLY_BUDGET] + USEC_PER_HOUR <= now_usec);
                        sent[n++] = now_usec;
                }
        }
        assert_true(n > 2 * REFRESH_HOURLY_BUDGET);
}

static void test_an_exchange_that_sent_nothing_costs_the_floor_alone(void **state)
{
        for (uint64_t i = 0; i < 3 * REFRESH_HOURLY_BUDGET; i++) {
                take(1, START + i * REFRESH_FLOOR_USEC);
                exchange_ledger_give_back(&ledger, digest(1), START + i * REFRESH_FLOOR_USEC);
                assert_int_equal(free_usec(1), START + (i + 1) * REFRESH_FLOOR_USEC);
        }
        assert_int_equal(ledger.keys[0].n_sent, 0);
        exchange_ledger_give_back(&ledger, digest(2), START);
}

/* Another environment has sent something with the same key since. */
static void test_the_exchange_that_was_taken_is_given_back(void **state)
{
        take(1, START);
        take(1, START + 5 * USEC_PER_SEC);
        exchange_ledger_give_back(&ledger, digest(1), START);
        exchange_ledger_give_back(&ledger, digest(1), START);
        assert_int_equal(ledger.keys[0].n_sent, 1);
        assert_int_equal(ledger.keys[0].sent[0].usec, START + 5 * USEC_PER_SEC);
}

static void test_full_means_wait(void **state)
{
        for (unsigned i = 0; i < EXCHANGE_LEDGER_KEYS_MAX; i++) {
                take(i, START + (i + 7) % EXCHANGE_LEDGER_KEYS_MAX * USEC_PER_SEC);
        }
        uint64_t now_usec = START + EXCHANGE_LEDGER_KEYS_MAX * USEC_PER_SEC;
        assert_int_equal(free_usec(1000), START + USEC_PER_HOUR);
        assert_true(free_usec(1) <= now_usec);
        exchange_ledger_take(&ledger, digest(1000), REFRESH_SHARE_NEED,
                             now_usec); /* nobody may: nothing happens */
        assert_int_equal(ledger.n_keys, EXCHANGE_LEDGER_KEYS_MAX);
        take(1000, START + USEC_PER_HOUR);
        assert_int_equal(ledger.n_keys, EXCHANGE_LEDGER_KEYS_MAX);
        assert_true(free_usec(1000) > START + USEC_PER_HOUR);
}

static void test_an_hour_later_nothing_is_left(void **state)
{
        for (unsigned i = 0; i < 10; i++) {
                take(i, START);
        }
        take(3, START + USEC_PER_HOUR);
        assert_int_equal(ledger.n_keys, 1);
        assert_int_equal(ledger.keys[0].n_sent, 1);
}

static void test_a_key_is_left_alone(void **state)
{
        exchange_ledger_hold_key(&ledger, digest(1),
                                 START + USEC_PER_HOUR); /* nothing was sent: no answer */
        assert_int_equal(ledger.n_keys, 0);
        take(1, START);
        take(2, START);
        exchange_ledger_hold_key(&ledger, digest(1), START + 60 * USEC_PER_SEC);
        exchange_ledger_hold_key(&ledger, digest(1), START + 30 * USEC_PER_SEC);
        assert_int_equal(free_usec(1), START + 60 * USEC_PER_SEC);
        assert_int_equal(exchange_ledger_held_usec(&ledger, digest(1)), START + 60 * USEC_PER_SEC);
        assert_int_equal(exchange_ledger_held_usec(&ledger, digest(2)), 0);
        assert_int_equal(exchange_ledger_held_usec(&ledger, digest(3)), 0);
        assert_int_equal(free_usec(2), START + REFRESH_FLOOR_USEC);
        take(1, START + 60 * USEC_PER_SEC);
        assert_int_equal(ledger.keys[0].held_usec, 0);

        /* Longer than what was sent counts. */
        exchange_ledger_hold_key(&ledger, digest(1), START + 2 * USEC_PER_HOUR);
        take(3, START + USEC_PER_HOUR + 61 * USEC_PER_SEC);
        assert_int_equal(ledger.n_keys, 2);
        assert_int_equal(free_usec(1), START + 2 * USEC_PER_HOUR);
        assert_false(exchange_ledger_possible(&ledger, START));
}

static void test_base_url_is_left_alone(void **state)
{
        assert_int_equal(exchange_ledger_url_free_usec(&ledger, BASE_URL_SANDBOX), 0);
        exchange_ledger_hold_url(&ledger, BASE_URL_SANDBOX, START + 60 * USEC_PER_SEC, START);
        exchange_ledger_hold_url(&ledger, BASE_URL_SANDBOX, START + 30 * USEC_PER_SEC, START);
        assert_int_equal(exchange_ledger_url_free_usec(&ledger, BASE_URL_SANDBOX),
                         START + 60 * USEC_PER_SEC);
        assert_int_equal(exchange_ledger_url_free_usec(&ledger, BASE_URL_PRODUCTION), 0);
        exchange_ledger_clear_url(&ledger, BASE_URL_PRODUCTION, START + 1);
        exchange_ledger_clear_url(&ledger, BASE_URL_SANDBOX, START + 1);
        assert_int_equal(exchange_ledger_url_free_usec(&ledger, BASE_URL_SANDBOX), 0);
}

/* A grant that was on its way when another environment was asked for patience says nothing against that. */
static void test_a_grant_ends_what_was_wished_before_it_was_asked_for(void **state)
{
        const uint64_t until_usec = START + 600 * USEC_PER_SEC;

        exchange_ledger_hold_url(&ledger, BASE_URL_SANDBOX, until_usec, START + USEC_PER_SEC);
        exchange_ledger_clear_url(&ledger, BASE_URL_SANDBOX, START);
        exchange_ledger_clear_url(&ledger, BASE_URL_SANDBOX, START + USEC_PER_SEC);
        assert_int_equal(exchange_ledger_url_free_usec(&ledger, BASE_URL_SANDBOX), until_usec);

        /* A shorter wish is a wish. */
        exchange_ledger_hold_url(&ledger, BASE_URL_SANDBOX, START + 5 * USEC_PER_SEC,
                                 START + 3 * USEC_PER_SEC);
        exchange_ledger_clear_url(&ledger, BASE_URL_SANDBOX, START + 2 * USEC_PER_SEC);
        assert_int_equal(exchange_ledger_url_free_usec(&ledger, BASE_URL_SANDBOX), until_usec);
        exchange_ledger_clear_url(&ledger, BASE_URL_SANDBOX, START + 4 * USEC_PER_SEC);
        assert_int_equal(exchange_ledger_url_free_usec(&ledger, BASE_URL_SANDBOX), 0);
}

static void test_the_longest_wishes_are_kept(void **state)
{
        char url[BASE_URL_MAX + 1];

        for (unsigned i = 0; i < 2 * EXCHANGE_LEDGER_URLS_MAX; i++) {
                (void)snprintf(url, sizeof(url), "https://u%u.example", i);
                exchange_ledger_hold_url(&ledger, url, START + (i + 1) * USEC_PER_SEC, START);
        }
        assert_int_equal(ledger.n_urls, EXCHANGE_LEDGER_URLS_MAX);
        assert_int_equal(exchange_ledger_url_free_usec(&ledger, "https://u0.example"), 0);
        assert_int_equal(exchange_ledger_url_free_usec(&ledger, url),
                         START + 2 * EXCHANGE_LEDGER_URLS_MAX * USEC_PER_SEC);
        exchange_ledger_hold_url(&ledger, BASE_URL_SANDBOX, START + USEC_PER_HOUR,
                                 START + USEC_PER_HOUR / 2);
        assert_int_equal(ledger.n_urls, 1);
}

static void test_of_a_time_to_come_is_impossible(void **state)
{
        take(1, START);
        assert_true(exchange_ledger_possible(&ledger, START));
        assert_false(exchange_ledger_possible(&ledger, START - 1));
        exchange_ledger_hold_key(&ledger, digest(1), START + USEC_PER_HOUR);
        assert_true(exchange_ledger_possible(&ledger, START));
        ledger.keys[0].held_usec = START + 2 * USEC_PER_HOUR;
        assert_false(exchange_ledger_possible(&ledger, START));
        ledger.keys[0].held_usec = 0;
        exchange_ledger_hold_url(&ledger, BASE_URL_SANDBOX,
                                 START + RETRY_AFTER_MAX_SEC * USEC_PER_SEC + RETRY_AFTER_SPREAD_USEC,
                                 START);
        assert_true(exchange_ledger_possible(&ledger, START));
        exchange_ledger_hold_url(&ledger, BASE_URL_SANDBOX, START + 2 * USEC_PER_HOUR, START);
        assert_false(exchange_ledger_possible(&ledger, START));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_floor_is_of_each_key_alone, set_up),
                cmocka_unit_test_setup(test_sixty_in_any_hour, set_up),
                cmocka_unit_test_setup(test_no_wish_takes_what_need_is_to_have, set_up),
                cmocka_unit_test_setup(test_no_way_round_it, set_up),
                cmocka_unit_test_setup(test_an_exchange_that_sent_nothing_costs_the_floor_alone, set_up),
                cmocka_unit_test_setup(test_the_exchange_that_was_taken_is_given_back, set_up),
                cmocka_unit_test_setup(test_full_means_wait, set_up),
                cmocka_unit_test_setup(test_an_hour_later_nothing_is_left, set_up),
                cmocka_unit_test_setup(test_a_key_is_left_alone, set_up),
                cmocka_unit_test_setup(test_base_url_is_left_alone, set_up),
                cmocka_unit_test_setup(test_a_grant_ends_what_was_wished_before_it_was_asked_for, set_up),
                cmocka_unit_test_setup(test_the_longest_wishes_are_kept, set_up),
                cmocka_unit_test_setup(test_of_a_time_to_come_is_impossible, set_up),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The store hears of an exchange that failed, and of the end of the lease that it was made under. */
#include "daemon/base/clock.h"
#include "daemon/keeper/environment_share_object.h"
#include "lib/util.h"
#include "tests/unit/refresh_story.h"
#include "tests/unit/store_answers.h"
#include "tests/unit/store_server.h"

#define LOOKED OK QUEUED QUEUED QUEUED QUEUED "*4\r\n" TIME_SAYS ":25000\r\n" OURS ":0\r\n"
#define SET    OK QUEUED "*1\r\n" OK
#define LAPSED OK QUEUED "*1\r\n:1\r\n"
#define TRIES  20 /* a store has 2 s for a talk, and a busy machine may need more */

static const struct access_key key = { "AQ17NZ49WC", "8820c99614d65f923df7660276f20e029d73e2ca" };
static char base_url[] = "https://api.test";
static const struct environment_settings settings = { .base_url = base_url };

static struct share_settings stores;
static struct share tools;
static struct environment environment;
static struct environment_share share;
static struct store_server server;
static bool ended_talk;

const struct access_key *__wrap_key_files_find(const struct key_files *files, uint64_t serial);

const struct access_key *__wrap_key_files_find(const struct key_files *files, uint64_t serial)
{
        return serial == 1 ? &key : NULL;
}

static void on_change(struct environment *changed)
{
        assert_ptr_equal(changed, &environment);
        ended_talk = true;
}

static void begin_talks(const char *second)
{
        static const struct environment_share_user user = { .on_change = on_change };

        stores = (struct share_settings){ .n_stores = 1 };
        tools = (struct share){ .settings = &stores, .quiet = true };
        assert_true(sd_event_new(&tools.event) >= 0);
        assert_int_equal(curl_loop_new(&tools.curl, tools.event), 0);
        environment = (struct environment){ .settings = &settings, .tools.share = &tools, .share = &share };
        share = (struct environment_share){ .environment = &environment, .user = &user };
        store_server_listen(&server, tools.event, LOOKED, second, &stores.stores[0]);
}

static void end_talks(void)
{
        share_telling_end(&share);
        store_server_end(&server);
        tools.curl = curl_loop_free(tools.curl);
        sd_event_unref(tools.event);
}

static void hold_lease(void)
{
        ended_talk = false;
        memset(server.request, 0, sizeof(server.request));
        share.holds_lease = true;
        share.lease_key = 1;
        memcpy(share.lease_id, LEASE_ID, sizeof(share.lease_id));
}

/* Returns whether the store had its say in time. */
static bool wait_for_end(void)
{
        while (!ended_talk) {
                assert_true(sd_event_run(tools.event, UINT64_MAX) >= 0);
        }
        return environment.view.share.state == STORE_FINE;
}

/* The machine's exchange with key 1, of two that are new, is answered like this after so long. */
static void fail_exchange(uint64_t took_usec, const struct exchange_report *report)
{
        struct refresh *refresh = &environment.view.refresh;
        const struct key_files files = new_files();
        const struct refresh_claim held = { .kind = REFRESH_CLAIM_HELD };
        uint64_t now = clock_now_usec();

        refresh_init(refresh);
        refresh_use_store(refresh, true);
        assert_true(refresh_on_keys(refresh, files.names, 2, now - took_usec).claim);
        assert_true(refresh_on_claim(refresh, &held, now - took_usec, MIDDLE).exchange);
        (void)ended(refresh, report->outcome, now);
        hold_lease();
        environment_share_exchanged(&environment, report, 1, /* adopted= */ false, now);
        assert_false(share.holds_lease);
}

/* The life of what was set, in milliseconds; 0: nothing was. */
static unsigned long life_set(void)
{
        static const char px[] = "$2\r\nPX\r\n$";
        const char *found = memmem(server.request, sizeof(server.request), px, sizeof(px) - 1);

        found = found ? strchr(found + sizeof(px) - 1, '\n') : NULL;
        return found ? strtoul(found + 1, NULL, 10) : 0;
}

/* The other key is asked at once, or when the floor is over; the cool-down is that of the one that failed.
 */
static void test_a_key_that_failed_is_cool_while_another_one_is_asked(void **state)
{
        static const uint64_t took[] = { SEC / 5, 6 * SEC / 5 };
        const struct exchange_report refused = { .outcome = EXCHANGE_KEY_REFUSED };

        for (size_t i = 0; i < ARRAY_SIZE(took); i++) {
                unsigned tries = 0;
                begin_talks(SET);
                do {
                        fail_exchange(took[i], &refused);
                        assert_int_equal(environment.view.refresh.claiming, took[i] >= SEC);
                } while (!wait_for_end() && ++tries < TRIES);
                assert_int_equal(server.n_requests, 2);
                assert_in_range(life_set(), 95000, 100000);
                end_talks();
        }
}

/* No word at all would leave the lease to itself for 25 s. */
static void test_a_cool_down_that_is_over_lets_the_lease_lapse(void **state)
{
        unsigned tries = 0;

        begin_talks(LAPSED);
        do {
                hold_lease();
                share_telling_begin(&share, SHARE_TELLS_COOL_DOWN, 1, clock_now_usec());
        } while (!wait_for_end() && ++tries < TRIES);
        assert_int_equal(server.n_requests, 2);
        assert_non_null(strstr(server.request, "PEXPIRE"));
        end_talks();
}

static void test_an_exchange_that_was_not_sent_lets_the_lease_lapse(void **state)
{
        const struct exchange_report unsent = { .outcome = EXCHANGE_UNAVAILABLE, .unsent = true };
        unsigned tries = 0;

        begin_talks(LAPSED);
        do {
                fail_exchange(SEC, &unsent);
        } while (!wait_for_end() && ++tries < TRIES);
        assert_int_equal(server.n_requests, 2);
        assert_non_null(strstr(server.request, "PEXPIRE"));
        end_talks();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_key_that_failed_is_cool_while_another_one_is_asked),
                cmocka_unit_test(test_a_cool_down_that_is_over_lets_the_lease_lapse),
                cmocka_unit_test(test_an_exchange_that_was_not_sent_lets_the_lease_lapse),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}

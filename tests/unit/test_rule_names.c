/* Names in rules that go, come and change while the daemon runs. */
#include "daemon/base/clock.h"
#include "daemon/keeper/rule_names.h"
#include "lib/util.h"
#include "tests/unit/unit.h"
#include "tests/unit/user_database.h"

#include <signal.h>
#include <stdio.h>

void __wrap_timer_start_in(sd_event_source *timer, uint64_t usec);

static uint64_t retry_after_usec;

/* Until names that lack are good to be looked up again, which a test is not to wait for. */
void __wrap_timer_start_in(sd_event_source *timer, uint64_t usec)
{
        retry_after_usec = usec;
        (void)sd_event_source_set_time_relative(timer, RULE_ANSWERS_WANTING_USEC + USEC_PER_MSEC);
        (void)sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

struct story {
        sd_event *event;
        struct settings *settings;
        struct rule_names *names;
        uint64_t now_usec; /* when they were looked up last */
        unsigned n_changed, n_told;
        bool no_memory;                  /* when it is told */
        uint64_t again_usec, until_usec; /* as told */
};

static bool on_told(bool changed, uint64_t again_usec, uint64_t until_usec, void *userdata)
{
        struct story *story = userdata;

        story->n_told++;
        if (story->no_memory) {
                return false;
        }
        story->n_changed += changed;
        story->again_usec = again_usec;
        story->until_usec = until_usec;
        return true;
}

static void wait_until_told(struct story *story, unsigned n_times)
{
        for (unsigned n_told = story->n_told; story->n_told < n_told + n_times;) {
                assert_true(sd_event_run(story->event, 10 * USEC_PER_SEC) > 0);
        }
}

static void adopt(struct story *story)
{
        story->now_usec = clock_now_usec();
        assert_int_equal(
                rule_names_ask(story->names, story->settings, story->now_usec, RULE_NAMES_WAIT_USEC), 0);
        rule_names_adopt(story->names, story->settings);
        wait_until_told(story, 1);
}

/* The user database is as it is. */
static void begin_without(struct story *story, const char *rules)
{
        char message[SETTINGS_ERROR_MAX];

        *story = (struct story){ 0 };
        assert_true(sd_event_new(&story->event) >= 0);
        assert_int_equal(settings_new(&story->settings), 0);
        assert_int_equal(settings_read(story->settings, "a.conf", rules, strlen(rules), message), 0);
        assert_int_equal(rule_names_new(&story->names, story->event, on_told, story), 0);
        adopt(story);
}

static void begin_with(struct story *story, const char *rules)
{
        user_database = (struct user_database){ .known = true, .id = 1001 };
        begin_without(story, rules);
}

static void begin(struct story *story)
{
        begin_with(story, "[broker]\nallow = user:alice\n");
}

static void end(struct story *story)
{
        (void)rule_names_free(story->names);
        (void)settings_free(story->settings);
        sd_event_unref(story->event);
}

static const struct access_rule *rule_of(const struct story *story)
{
        return &story->settings->allow.rules[0];
}

/* A request finds them old, so long after they were looked up, and something comes of it. */
static void look_again_after(struct story *story, uint64_t usec)
{
        rule_names_look_again(story->names, story->now_usec + usec);
        wait_until_told(story, 1);
}

static void a_fresh_answer_is_believed(void **state)
{
        struct story story;

        begin(&story);
        assert_int_equal(story.until_usec, story.now_usec + RULE_ANSWERS_KEPT_USEC);
        assert_int_equal(story.again_usec, story.until_usec - RULE_ANSWERS_KEPT_USEC / 4);
        look_again_after(&story, 1);
        assert_int_equal(story.until_usec, story.now_usec + RULE_ANSWERS_KEPT_USEC);
        assert_int_equal(story.n_changed, 0);
        assert_int_equal(rule_of(&story)->id, 1001);
        end(&story);
}

/* alice is removed, and her number is bob's. */
static void a_name_that_is_gone_gives_nothing(void **state)
{
        struct story story;

        begin(&story);
        user_database.known = false;
        look_again_after(&story, RULE_ANSWERS_KEPT_USEC);
        assert_int_equal(story.n_changed, 1);
        assert_false(rule_of(&story)->resolved);
        look_again_after(&story, 3 * RULE_ANSWERS_KEPT_USEC);
        assert_int_equal(story.n_changed, 1); /* nothing new */
        user_database = (struct user_database){ .known = true, .id = 1005 };
        look_again_after(&story, 5 * RULE_ANSWERS_KEPT_USEC);
        assert_int_equal(story.n_changed, 2);
        assert_true(rule_of(&story)->resolved);
        assert_int_equal(rule_of(&story)->id, 1005);
        end(&story);
}

/* In good time: before anybody has to wait for it. */
static void another_number_takes_the_place_of_the_old_one(void **state)
{
        struct story story;

        begin(&story);
        user_database.id = 1002;
        look_again_after(&story, RULE_ANSWERS_KEPT_USEC - RULE_ANSWERS_KEPT_USEC / 4);
        assert_int_equal(story.n_changed, 1);
        assert_int_equal(rule_of(&story)->id, 1002);
        end(&story);
}

static void a_silent_user_database_takes_nothing_away_for_an_hour(void **state)
{
        struct story story;

        begin(&story);
        user_database.error = EIO;
        look_again_after(&story, RULE_ANSWERS_KEPT_USEC);
        assert_int_equal(story.n_changed, 0);
        assert_int_equal(rule_of(&story)->id, 1001);
        end(&story);
}

/* A look-up that does not end is as good as none after a while, and withholds no news of others. */
static void a_name_that_hangs_is_not_waited_for(void **state)
{
        struct story story;
        const uint64_t first = RULE_ANSWERS_KEPT_USEC;

        begin_with(&story, "[broker]\nallow = user:alice\nallow = user:remote\n");
        user_database.known = false;
        user_database.hangs = "remote";
        look_again_after(&story, first); /* of alice */
        assert_int_equal(story.n_changed, 1);
        assert_false(story.settings->allow.rules[0].resolved);
        assert_true(story.settings->allow.rules[1].resolved);
        assert_true(story.until_usec <= story.now_usec + first); /* the other one is old */

        look_again_after(&story, first + RULE_NAMES_WAIT_USEC);
        assert_true(story.settings->allow.rules[1].resolved);
        look_again_after(&story, RULE_ANSWERS_SILENT_USEC);
        assert_false(story.settings->allow.rules[1].resolved);
        assert_int_equal(story.n_changed, 2);
        user_database.hangs = NULL;
        user_database.known = true;
        wait_until_told(&story, 1);
        end(&story);
}

/* A look-up for settings that are gone meanwhile is of no use. */
static void a_reload_is_not_overtaken(void **state)
{
        struct story story;

        begin(&story);
        user_database.hangs = "alice";
        rule_names_look_again(story.names, story.now_usec + RULE_ANSWERS_KEPT_USEC);
        user_database.id = 1003;
        user_database.hangs = NULL;
        adopt(&story);
        assert_int_equal(rule_of(&story)->id, 1003);
        while (sd_event_run(story.event, 200 * USEC_PER_MSEC) > 0) {
        }
        assert_int_equal(story.n_changed, 0);
        user_database.id = 1004; /* a later look counts */
        look_again_after(&story, RULE_ANSWERS_KEPT_USEC);
        assert_int_equal(story.n_changed, 1);
        assert_int_equal(rule_of(&story)->id, 1004);
        end(&story);
}

static void begin_with_many(struct story *story, unsigned n)
{
        char rules[4096] = "[broker]\n";

        for (unsigned i = 0; i < n; i++) {
                size_t length = strlen(rules);
                (void)snprintf(rules + length, sizeof(rules) - length, "allow = user:user%u\n", i);
        }
        begin_with(story, rules);
}

static unsigned n_rules_with(const struct story *story, uint32_t id)
{
        const struct access_rules *allow = &story->settings->allow;
        unsigned n = 0;

        for (size_t i = 0; i < allow->n; i++) {
                n += allow->rules[i].resolved && allow->rules[i].id == id;
        }
        return n;
}

/* One request finds them all old: those beyond the threads queue, and get their turn without another one. */
static void more_names_than_threads(void **state)
{
        const unsigned n = RULE_NAMES_THREADS_MAX + 8;
        struct story story;

        begin_with_many(&story, n);
        user_database.id = 1002;
        rule_names_look_again(story.names, story.now_usec + RULE_ANSWERS_KEPT_USEC);
        while (n_rules_with(&story, 1002) < n) {
                assert_true(sd_event_run(story.event, 10 * USEC_PER_SEC) > 0);
        }
        end(&story);
}

/* A change that there was no memory for is told at the next look. */
static void a_change_is_told_until_it_is_taken(void **state)
{
        struct story story;

        begin(&story);
        user_database.known = false;
        story.no_memory = true;
        look_again_after(&story, RULE_ANSWERS_KEPT_USEC);
        assert_int_equal(story.n_changed, 0);
        story.no_memory = false;
        look_again_after(&story, RULE_ANSWERS_KEPT_USEC);
        assert_int_equal(story.n_changed, 1);
        end(&story);
}

/* Reading settings waits for the user database a little, and goes on without it. */
static void settings_do_not_wait_for_a_name_that_hangs(void **state)
{
        struct story story;

        begin_with(&story, "[broker]\nallow = user:alice\nallow = user:remote\n");
        uint64_t first_until_usec = story.until_usec;
        user_database.id = 1002;
        user_database.hangs = "remote";
        story.now_usec = clock_now_usec();
        assert_int_equal(rule_names_ask(story.names, story.settings, story.now_usec, USEC_PER_SEC), 0);
        assert_true(clock_now_usec() < story.now_usec + 20 * USEC_PER_SEC);
        assert_int_equal(story.settings->allow.rules[0].id, 1002);
        assert_int_equal(story.settings->allow.rules[1].id, 1001); /* the earlier answer */
        rule_names_adopt(story.names, story.settings);
        wait_until_told(&story, 1);
        assert_int_equal(story.until_usec, first_until_usec); /* no younger, and so nobody waits yet */
        assert_int_equal(story.n_changed, 0);
        user_database.hangs = NULL;
        wait_until_told(&story, 1); /* and comes by itself */
        assert_int_equal(story.n_changed, 1);
        assert_int_equal(story.settings->allow.rules[1].id, 1002);
        end(&story);
}

static void nor_does_a_first_answer_have_to_be_there(void **state)
{
        const char rules[] = "[broker]\nallow = user:remote\n";
        char message[SETTINGS_ERROR_MAX];
        struct story story = { 0 };

        user_database = (struct user_database){ .known = true, .id = 1001, .hangs = "remote" };
        assert_true(sd_event_new(&story.event) >= 0);
        assert_int_equal(settings_new(&story.settings), 0);
        assert_int_equal(settings_read(story.settings, "a.conf", rules, strlen(rules), message), 0);
        assert_int_equal(rule_names_new(&story.names, story.event, on_told, &story), 0);
        assert_int_equal(rule_names_ask(story.names, story.settings, clock_now_usec(), USEC_PER_MSEC), 0);
        assert_false(rule_of(&story)->resolved);
        rule_names_adopt(story.names, story.settings);
        wait_until_told(&story, 1);
        assert_true(story.until_usec == USEC_NEVER); /* it gives nobody a right, so nobody waits for it */
        user_database.hangs = NULL;
        wait_until_told(&story, 1);
        assert_int_equal(story.n_changed, 1);
        assert_true(rule_of(&story)->resolved);
        end(&story);
}

/* Settings that do not come into force: their look-ups are of no use. */
static void settings_that_fail_leave_no_answer(void **state)
{
        _cleanup_(settings_freep) struct settings *other = NULL;
        struct story story;

        begin(&story);
        assert_int_equal(settings_new(&other), 0);
        user_database.known = false;
        user_database.hangs = "eqp-broker";
        assert_int_equal(rule_names_ask(story.names, other, clock_now_usec(), USEC_PER_MSEC), 0);
        user_database.hangs = NULL;
        while (sd_event_run(story.event, 200 * USEC_PER_MSEC) > 0) {
        }
        assert_int_equal(story.n_changed, 0);
        assert_true(rule_of(&story)->resolved);
        end(&story);
}

/* Nobody can ask where the group of the socket is what lacks: so it needs no request. */
static void a_name_that_lacks_is_looked_up_without_a_request(void **state)
{
        struct story story;

        user_database = (struct user_database){ 0 };
        begin_without(&story, "[broker]\nsocket_group = team\n");
        assert_false(story.settings->socket_group.resolved);
        user_database.known = true;
        user_database.id = 1002;
        while (!story.settings->socket_group.resolved) {
                assert_true(sd_event_run(story.event, 10 * USEC_PER_SEC) > 0);
        }
        assert_int_equal(story.settings->socket_group.id, 1002);
        assert_true(retry_after_usec == RULE_NAMES_RETRY_USEC);
        end(&story);
}

/* The look-up ends when nobody is there any more: the thread frees what it has. */
static void an_end_in_the_middle(void **state)
{
        struct story story;

        begin(&story);
        rule_names_look_again(story.names, story.now_usec + RULE_ANSWERS_KEPT_USEC);
        end(&story);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_fresh_answer_is_believed),
                cmocka_unit_test(a_name_that_is_gone_gives_nothing),
                cmocka_unit_test(another_number_takes_the_place_of_the_old_one),
                cmocka_unit_test(a_silent_user_database_takes_nothing_away_for_an_hour),
                cmocka_unit_test(a_name_that_hangs_is_not_waited_for),
                cmocka_unit_test(a_reload_is_not_overtaken),
                cmocka_unit_test(more_names_than_threads),
                cmocka_unit_test(a_change_is_told_until_it_is_taken),
                cmocka_unit_test(settings_do_not_wait_for_a_name_that_hangs),
                cmocka_unit_test(nor_does_a_first_answer_have_to_be_there),
                cmocka_unit_test(settings_that_fail_leave_no_answer),
                cmocka_unit_test(a_name_that_lacks_is_looked_up_without_a_request),
                cmocka_unit_test(an_end_in_the_middle),
        };

        (void)signal(SIGPIPE, SIG_IGN); /* as in the daemon */
        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Names in rules that go, come and change while the daemon runs. */
#include "daemon/keeper/rule_names.h"

#include "daemon/base/clock.h"
#include "lib/util.h"
#include "tests/unit/unit.h"
#include "tests/unit/user_database.h"

#include <signal.h>
#include <stddef.h>

struct story {
        sd_event *event;
        struct settings *settings;
        struct rule_names *names;
        uint64_t now_usec; /* when they were looked up last */
        unsigned n_changed, n_told;
        struct waiter waiter;
};

static void on_changed(void *userdata)
{
        struct story *story = userdata;
        story->n_changed++;
}

static void on_told(struct waiter *waiter)
{
        struct story *story = container_of(waiter, struct story, waiter);
        story->n_told++;
}

static void adopt(struct story *story)
{
        struct rule_answers *answers = NULL;

        story->now_usec = clock_now_usec();
        assert_int_equal(rule_answers_new(&answers, story->settings, rule_names_answers(story->names),
                                          story->now_usec),
                         0);
        rule_names_adopt(story->names, story->settings, answers);
}

static void begin(struct story *story)
{
        static const char text[] = "[broker]\nallow = user:alice\n";
        char message[SETTINGS_ERROR_MAX];

        *story = (struct story){ .waiter.on_news = on_told };
        user_database = (struct user_database){ .known = true, .id = 1001 };
        assert_true(sd_event_new(&story->event) >= 0);
        assert_int_equal(settings_new(&story->settings), 0);
        assert_int_equal(settings_read(story->settings, "a.conf", text, strlen(text), message), 0);
        assert_int_equal(rule_names_new(&story->names, story->event, on_changed, story), 0);
        adopt(story);
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

/* A request comes so long after the last look-up, and waits until it is over. */
static void ask_after(struct story *story, uint64_t usec)
{
        uint64_t until_usec;

        if (rule_names_ask(story->names, story->now_usec + usec, &until_usec) == -EAGAIN) {
                unsigned n_told = story->n_told;
                assert_int_equal(until_usec, story->now_usec + usec + RULE_NAMES_WAIT_USEC);
                rule_names_wait(story->names, &story->waiter);
                while (story->n_told == n_told) {
                        assert_true(sd_event_run(story->event, 10 * USEC_PER_SEC) > 0);
                }
                story->now_usec = clock_now_usec();
        }
}

static void a_fresh_answer_is_believed(void **state)
{
        struct story story;
        uint64_t until_usec;

        begin(&story);
        assert_int_equal(rule_names_ask(story.names, story.now_usec + 1, &until_usec), 0);
        assert_int_equal(until_usec, story.now_usec + RULE_NAMES_KEPT_USEC);
        assert_int_equal(rule_of(&story)->id, 1001);
        end(&story);
}

/* alice is removed, and her number is bob's. */
static void a_name_that_is_gone_gives_nothing(void **state)
{
        struct story story;

        begin(&story);
        user_database.known = false;
        ask_after(&story, RULE_NAMES_KEPT_USEC);
        assert_int_equal(story.n_changed, 1);
        assert_false(rule_of(&story)->resolved);
        ask_after(&story, RULE_NAMES_KEPT_USEC);
        assert_int_equal(story.n_changed, 1); /* nothing new */
        user_database = (struct user_database){ .known = true, .id = 1005 };
        ask_after(&story, RULE_NAMES_KEPT_USEC);
        assert_int_equal(story.n_changed, 2);
        assert_true(rule_of(&story)->resolved);
        assert_int_equal(rule_of(&story)->id, 1005);
        end(&story);
}

static void another_number_takes_the_place_of_the_old_one(void **state)
{
        struct story story;

        begin(&story);
        user_database.id = 1002;
        ask_after(&story, RULE_NAMES_KEPT_USEC);
        assert_int_equal(story.n_changed, 1);
        assert_int_equal(rule_of(&story)->id, 1002);
        end(&story);
}

/* On a busy host: the look-up has ended before anybody has to wait for it. */
static void nobody_waits_who_comes_in_time(void **state)
{
        struct story story;
        uint64_t until_usec;

        begin(&story);
        user_database.id = 1002;
        assert_int_equal(rule_names_ask(story.names, story.now_usec + RULE_NAMES_KEPT_USEC - 1, &until_usec),
                         0);
        while (story.n_changed == 0) {
                assert_true(sd_event_run(story.event, 10 * USEC_PER_SEC) > 0);
        }
        assert_int_equal(rule_of(&story)->id, 1002);
        end(&story);
}

static void a_silent_user_database_takes_nothing_away_for_an_hour(void **state)
{
        struct story story;

        begin(&story);
        uint64_t first_usec = story.now_usec;
        user_database.error = EIO;
        ask_after(&story, RULE_NAMES_KEPT_USEC);
        assert_int_equal(story.n_changed, 0);
        assert_int_equal(rule_of(&story)->id, 1001);

        /* A look-up that never ends is as good as none. */
        uint64_t until_usec, late_usec = first_usec + RULE_ANSWERS_SILENT_USEC - 1;
        assert_int_equal(rule_names_ask(story.names, late_usec - RULE_NAMES_WAIT_USEC, &until_usec),
                         -EAGAIN);
        assert_int_equal(rule_names_ask(story.names, late_usec, &until_usec), 0);
        assert_int_equal(until_usec, late_usec + RULE_NAMES_PENDING_USEC);
        assert_int_equal(story.n_changed, 0);
        assert_int_equal(rule_names_ask(story.names, late_usec + 1, &until_usec), 0);
        assert_int_equal(story.n_changed, 1);
        assert_false(rule_of(&story)->resolved);
        end(&story);
}

/* What is looked up for settings that are gone meanwhile is of no use. */
static void a_reload_is_not_overtaken(void **state)
{
        struct story story;
        uint64_t until_usec;

        begin(&story);
        rule_names_wait(story.names, &story.waiter);
        assert_int_equal(rule_names_ask(story.names, story.now_usec + RULE_NAMES_KEPT_USEC, &until_usec),
                         -EAGAIN);
        user_database.id = 1003;
        adopt(&story);
        assert_int_equal(story.n_told, 1);
        assert_int_equal(rule_of(&story)->id, 1003);
        assert_true(sd_event_run(story.event, 10 * USEC_PER_SEC) > 0); /* the outcome of the first one */
        assert_int_equal(story.n_changed, 0);
        ask_after(&story, RULE_NAMES_KEPT_USEC);
        assert_int_equal(story.n_told, 2); /* one that was begun after it is of use */
        end(&story);
}

/* The look-up ends when nobody is there any more: the thread frees what it has. */
static void an_end_in_the_middle(void **state)
{
        struct story story;
        uint64_t until_usec;

        begin(&story);
        assert_int_equal(rule_names_ask(story.names, story.now_usec + RULE_NAMES_KEPT_USEC, &until_usec),
                         -EAGAIN);
        end(&story);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_fresh_answer_is_believed),
                cmocka_unit_test(a_name_that_is_gone_gives_nothing),
                cmocka_unit_test(another_number_takes_the_place_of_the_old_one),
                cmocka_unit_test(nobody_waits_who_comes_in_time),
                cmocka_unit_test(a_silent_user_database_takes_nothing_away_for_an_hour),
                cmocka_unit_test(a_reload_is_not_overtaken),
                cmocka_unit_test(an_end_in_the_middle),
        };

        (void)signal(SIGPIPE, SIG_IGN); /* as in the daemon */
        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Names in rules as settings are read: look-ups, and a user database that does not
 * answer. */
#include "daemon/keeper/rule_answers.h"
#include "lib/util.h"
#include "tests/unit/unit.h"
#include "tests/unit/user_database.h"

#include <stdio.h>

/* The defaults, which name a group that need not exist; with own_rule, one that has to. */
static struct settings *settings_with(const char *own_rule)
{
        struct settings *settings = NULL;
        char text[128], message[SETTINGS_ERROR_MAX];

        assert_int_equal(settings_new(&settings), 0);
        if (own_rule) {
                (void)snprintf(text, sizeof(text), "[broker]\nallow = %s\n", own_rule);
                assert_int_equal(settings_read(settings, "a.conf", text, strlen(text), message), 0);
        }
        return settings;
}

static const struct access_rule *last_rule(const struct settings *settings)
{
        return &settings->allow.rules[settings->allow.n - 1];
}

static char fault[SETTINGS_ERROR_MAX]; /* the latest */
static unsigned n_faults;

static void note_fault(const char *message)
{
        (void)snprintf(fault, sizeof(fault), "%s", message);
        n_faults++;
}

/* All of them: that there is no such name is said by no error at all. */
static const struct user_database silences[] = {
        { .error = ENOENT },       { .error = ESRCH }, { .error = EBADF }, { .error = EPERM },
        { .error = ECONNREFUSED }, { .error = EIO },   { .mute = true },
};

static void a_check_wants_every_name(void **state)
{
        _cleanup_(settings_freep) struct settings *settings = settings_with("user:nobody-here");
        _cleanup_(settings_freep) struct settings *group = settings_with("group:remote");

        user_database = (struct user_database){ 0 };
        assert_true(rule_answers_check(settings, note_fault) < 0);
        assert_string_equal(fault, "[broker] allow = user:nobody-here: there is no such user on this host: "
                                   "create it, or correct the name");
        for (size_t i = 0; i < ARRAY_SIZE(silences); i++) {
                user_database = silences[i];
                assert_true(rule_answers_check(group, note_fault) < 0);
                assert_non_null(strstr(fault, "allow = group:remote: the user database does not say"));
                assert_non_null(strstr(fault, strerror(silences[i].mute ? EIO : silences[i].error)));
        }
        user_database = (struct user_database){ .known = true };
        n_faults = 0;
        assert_int_equal(rule_answers_check(settings, note_fault), 0);
        assert_int_equal(n_faults, 0);
}

static void a_check_names_every_fault(void **state)
{
        _cleanup_(settings_freep) struct settings *settings =
                settings_with("user:one\nallow = uid:0\nallow = group:two");

        user_database = (struct user_database){ 0 };
        n_faults = 0;
        assert_int_equal(rule_answers_check(settings, note_fault), -ENOENT);
        assert_int_equal(n_faults, 2);
}

static void a_check_does_without_a_default_group(void **state)
{
        _cleanup_(settings_freep) struct settings *settings = settings_with(NULL);

        user_database = (struct user_database){ 0 };
        assert_int_equal(rule_answers_check(settings, note_fault), 0);
}

static void free_answers(struct rule_answers **answers)
{
        *answers = rule_answers_free(*answers);
}

/* As it is done when settings are read. */
static struct rule_answers *answers_at(struct settings *settings, const struct rule_answers *earlier,
                                       uint64_t now_usec)
{
        struct rule_answers *answers = NULL;

        assert_int_equal(rule_answers_new(&answers, settings, earlier), 0);
        for (size_t i = 0; i < answers->n; i++) {
                assert_int_equal(answers->list[i].again_usec, 0);
                rule_answer_look_up(&answers->list[i]);
                rule_answer_settle(&answers->list[i], now_usec, now_usec);
        }
        rule_answers_apply(answers, settings);
        return answers;
}

static void a_start_takes_what_there_is(void **state)
{
        static const struct {
                struct user_database database;
                enum rule_answer_state expected;
        } cases[] = {
                { { .known = true, .id = 4711 }, RULE_ANSWER_FOUND },
                { { .known = false }, RULE_ANSWER_UNKNOWN },
                { { .error = EMFILE }, RULE_ANSWER_PENDING },
                { { .error = ECONNREFUSED }, RULE_ANSWER_PENDING },
                { { .error = ENOENT }, RULE_ANSWER_PENDING },
                { { .mute = true }, RULE_ANSWER_PENDING },
        };
        const char *rules[] = { NULL, "user:alice", "group:team" };

        for (size_t i = 0; i < ARRAY_SIZE(cases) * ARRAY_SIZE(rules); i++) {
                _cleanup_(settings_freep) struct settings *settings =
                        settings_with(rules[i % ARRAY_SIZE(rules)]);
                bool found = cases[i / ARRAY_SIZE(rules)].expected == RULE_ANSWER_FOUND;

                user_database = cases[i / ARRAY_SIZE(rules)].database;
                _cleanup_(free_answers) struct rule_answers *answers = answers_at(settings, NULL, 1000);
                assert_int_equal(answers->list[answers->n - 1].state, cases[i / ARRAY_SIZE(rules)].expected);
                assert_int_equal(last_rule(settings)->resolved, found);
                assert_int_equal(last_rule(settings)->id, found ? 4711 : 0);
                /* Only a rule of somebody's own is missed. */
                assert_int_equal(rule_answers_lacking(settings), !found && rules[i % ARRAY_SIZE(rules)]);
        }
}

/* At a reload, while the user database is silent: for an hour, no longer. */
static void the_last_answer_stands_for_an_hour(void **state)
{
        for (size_t i = 0; i < ARRAY_SIZE(silences); i++) {
                _cleanup_(settings_freep) struct settings *settings = settings_with("user:alice");
                user_database = (struct user_database){ .known = true, .id = 7 };
                _cleanup_(free_answers) struct rule_answers *first = answers_at(settings, NULL, 1000);
                user_database = silences[i];
                _cleanup_(free_answers) struct rule_answers *second =
                        answers_at(settings, first, 999 + RULE_ANSWERS_SILENT_USEC);
                assert_true(last_rule(settings)->resolved);
                assert_int_equal(last_rule(settings)->id, 7);
                _cleanup_(free_answers) struct rule_answers *third =
                        answers_at(settings, second, 1000 + RULE_ANSWERS_SILENT_USEC);
                assert_int_equal(third->list[third->n - 1].state, RULE_ANSWER_PENDING);
                assert_false(last_rule(settings)->resolved);
        }
}

static bool is_allowed(const struct settings *settings, gid_t gid)
{
        static const char path[] = "/rest/v1/users/MAG1";
        const struct caller_identity caller = { .uid = 1000, .gid = gid, .has_groups = true };

        return gateway_rules_decide(&settings_environment(settings, "sandbox")->gateway_rules, NULL, &caller,
                                    "GET", path, strlen(path), NULL)
                .allowed;
}

/* It denies the same members as before, and everybody where nothing was said before. Only a group that is
 * gone is denied nothing. */
static void a_deny_outlives_silence(void **state)
{
        static const char rules[] = "[gateway sandbox]\nallow = any GET /rest/v1/**\n"
                                    "deny = group:contractors * /rest/v1/users/**\n";

        for (size_t i = 0; i < ARRAY_SIZE(silences); i++) {
                _cleanup_(settings_freep) struct settings *settings = settings_with(NULL);
                char message[SETTINGS_ERROR_MAX];

                assert_int_equal(settings_read(settings, "a.conf", rules, strlen(rules), message), 0);
                user_database = silences[i];
                _cleanup_(free_answers) struct rule_answers *none = answers_at(settings, NULL, 1000);
                assert_false(is_allowed(settings, 7));
                assert_false(is_allowed(settings, 8));
                user_database = (struct user_database){ .known = true, .id = 7 };
                _cleanup_(free_answers) struct rule_answers *first = answers_at(settings, none, 2000);
                assert_false(is_allowed(settings, 7));
                assert_true(is_allowed(settings, 8));
                user_database = silences[i];
                _cleanup_(free_answers) struct rule_answers *second = answers_at(settings, first, 3000);
                assert_false(is_allowed(settings, 7));
                assert_true(is_allowed(settings, 8));
                user_database = (struct user_database){ 0 };
                _cleanup_(free_answers) struct rule_answers *third = answers_at(settings, second, 4000);
                assert_int_equal(third->list[third->n - 1].state, RULE_ANSWER_UNKNOWN);
                assert_true(is_allowed(settings, 7));
        }
}

/* The kernel shows these numbers for users whom it cannot name. */
static void a_name_of_nobody_gives_nothing(void **state)
{
        const uint32_t nobodies[] = { 65534, UINT32_MAX };

        for (size_t i = 0; i < ARRAY_SIZE(nobodies); i++) {
                _cleanup_(settings_freep) struct settings *settings = settings_with("group:nogroup");

                user_database = (struct user_database){ .known = true, .id = nobodies[i] };
                _cleanup_(free_answers) struct rule_answers *answers = answers_at(settings, NULL, 1000);
                assert_int_equal(answers->list[answers->n - 1].state, RULE_ANSWER_UNKNOWN);
                assert_false(last_rule(settings)->resolved);
        }
}

/* Times count from the question: a fact that was true when it was put may not be when it is answered. */
static void an_answer_is_as_old_as_its_question(void **state)
{
        struct rule_answer answer = { .state = RULE_ANSWER_FOUND };

        rule_answer_settle(&answer, 1000, 1000 + USEC_PER_MIN);
        assert_int_equal(answer.told_usec, 1000);
        assert_int_equal(answer.until_usec, 1000 + RULE_ANSWERS_KEPT_USEC);
        answer.state = RULE_ANSWER_UNKNOWN;
        rule_answer_settle(&answer, 1000, 2000);
        assert_int_equal(answer.until_usec, 2000 + RULE_ANSWERS_WANTING_USEC);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_check_wants_every_name),
                cmocka_unit_test(a_check_names_every_fault),
                cmocka_unit_test(a_check_does_without_a_default_group),
                cmocka_unit_test(a_start_takes_what_there_is),
                cmocka_unit_test(the_last_answer_stands_for_an_hour),
                cmocka_unit_test(a_deny_outlives_silence),
                cmocka_unit_test(a_name_of_nobody_gives_nothing),
                cmocka_unit_test(an_answer_is_as_old_as_its_question),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The names in rules, looked up again. On a busy host no request ever waits: a look-up begins when three
 * quarters of an answer's time are over. */
#include "daemon/keeper/rule_names.h"

#include "daemon/base/journal.h"
#include "lib/util.h"

#include <errno.h>

struct rule_names {
        struct helper_threads *threads;
        rule_names_changed_fn changed;
        void *userdata;
        struct settings *settings; /* whose rules have the numbers; NULL: none yet */
        struct rule_answers *answers;
        uint64_t generation; /* of settings: what is looked up for earlier ones is of no use */
        bool under_way;
        uint64_t begun_usec;
        struct waiters waiters;
};

const struct rule_answers *rule_names_answers(const struct rule_names *names)
{
        return names->answers;
}

void rule_names_adopt(struct rule_names *names, struct settings *settings, struct rule_answers *answers)
{
        (void)rule_answers_free(names->answers);
        names->settings = settings;
        names->answers = answers;
        names->generation++;
        names->under_way = false; /* what is under way is of other settings */
        waiters_tell(&names->waiters);
}

/* ---- again ---- */

static void say_change(const struct rule_answer *before, const struct rule_answer *now)
{
        struct journal_record record = { .priority = LOG_WARNING, .id = EVENT_RULE_NAME };
        const char *kind = rule_answer_kind(now->kind);

        if (now->state == RULE_ANSWER_UNKNOWN && before->state == RULE_ANSWER_PENDING) {
                journal_say(&record, "there is no %s %s: rules that name it give nothing until there is",
                            kind, now->name);
        } else if (now->state == RULE_ANSWER_UNKNOWN) {
                journal_say(&record, "%s:%s is gone: rules that name it give nothing from now on", kind,
                            now->name);
        } else if (now->state == RULE_ANSWER_PENDING) {
                journal_say(
                        &record,
                        "%s:%s: the user database has not told for an hour whether it is still there (%s): "
                        "rules that name it give nothing until it does",
                        kind, now->name, strerror(now->error));
        } else if (before->state == RULE_ANSWER_FOUND) {
                journal_say(&record, "%s:%s has another number, %u instead of %u: rules that name it follow",
                            kind, now->name, now->id, before->id);
        } else {
                record.priority = LOG_INFO;
                journal_say(&record, "%s:%s is there: rules that name it hold from now on", kind, now->name);
        }
}

static bool is_same(const struct rule_answer *a, const struct rule_answer *b)
{
        return a->state == b->state && (a->state != RULE_ANSWER_FOUND || a->id == b->id);
}

/* Takes the answers over. */
static void take_answers(struct rule_names *names, struct rule_answers *answers, uint64_t now_usec)
{
        bool changed = false;

        answers->looked_usec = now_usec;
        for (size_t i = 0; i < answers->n; i++) {
                rule_answer_settle(&answers->list[i], now_usec);
                if (!is_same(&names->answers->list[i], &answers->list[i])) {
                        say_change(&names->answers->list[i], &answers->list[i]);
                        changed = true;
                }
        }
        (void)rule_answers_free(names->answers);
        names->answers = answers;
        if (changed) {
                rule_answers_apply(answers, names->settings);
                names->changed(names->userdata);
        }
}

static void work(struct helper_task *task)
{
        struct rule_answers *answers = (struct rule_answers *)task;

        for (size_t i = 0; i < answers->n; i++) {
                rule_answer_look_up(&answers->list[i]);
        }
}

static void drop(struct helper_task *task)
{
        (void)rule_answers_free((struct rule_answers *)task);
}

static void on_done(struct helper_task *task, uint64_t now_usec, void *userdata)
{
        struct rule_names *names = userdata;
        struct rule_answers *answers = (struct rule_answers *)task;

        if (answers->generation != names->generation) {
                (void)rule_answers_free(answers);
                return;
        }
        names->under_way = false;
        take_answers(names, answers, now_usec);
        waiters_tell(&names->waiters);
}

static int begin(struct rule_names *names, uint64_t now_usec)
{
        const struct rule_answers *known = names->answers;
        size_t size = sizeof(*known) + known->n * sizeof(known->list[0]);
        struct rule_answers *answers = malloc(size);

        if (!answers) {
                return -ENOMEM;
        }
        memcpy(answers, known, size);
        answers->task = (struct helper_task){ .work = work, .done = on_done, .drop = drop };
        answers->generation = names->generation;
        int r = helper_threads_start(names->threads, &answers->task);
        if (r < 0) {
                (void)rule_answers_free(answers);
                return r;
        }
        names->under_way = true;
        names->begun_usec = now_usec;
        return 0;
}

/* How long answers may be believed. */
static uint64_t kept_usec(const struct rule_answers *answers)
{
        for (size_t i = 0; i < answers->n; i++) {
                if (answers->list[i].state == RULE_ANSWER_PENDING) {
                        return RULE_NAMES_PENDING_USEC;
                }
        }
        return RULE_NAMES_KEPT_USEC;
}

/* There is no answer to be had for the moment: what was told too long ago is given up. */
static void go_without(struct rule_names *names, int error, uint64_t now_usec)
{
        bool changed = false;

        for (size_t i = 0; i < names->answers->n; i++) {
                struct rule_answer *answer = &names->answers->list[i];
                struct rule_answer before = *answer;
                answer->error = error;
                rule_answer_settle(answer, now_usec);
                if (!is_same(&before, answer)) {
                        say_change(&before, answer);
                        changed = true;
                }
        }
        if (changed) {
                rule_answers_apply(names->answers, names->settings);
                names->changed(names->userdata);
        }
}

int rule_names_ask(struct rule_names *names, uint64_t now_usec, uint64_t *ret_until_usec)
{
        uint64_t kept = kept_usec(names->answers), until_usec = names->answers->looked_usec + kept;
        int r = 0;

        *ret_until_usec = USEC_NEVER;
        if (names->answers->n == 0) {
                return 0;
        }
        if (!names->under_way && now_usec >= until_usec - kept / 4) {
                r = begin(names, now_usec);
        }
        if (now_usec < until_usec) {
                *ret_until_usec = until_usec;
                return 0;
        }
        if (r < 0 || now_usec >= names->begun_usec + RULE_NAMES_WAIT_USEC) {
                go_without(names, r < 0 ? -r : ETIMEDOUT, now_usec);
                *ret_until_usec = now_usec + RULE_NAMES_PENDING_USEC;
                return 0;
        }
        *ret_until_usec = names->begun_usec + RULE_NAMES_WAIT_USEC;
        return -EAGAIN;
}

void rule_names_wait(struct rule_names *names, struct waiter *waiter)
{
        waiters_add(&names->waiters, waiter);
}

/* ---- life ---- */

int rule_names_new(struct rule_names **ret, sd_event *event, rule_names_changed_fn changed, void *userdata)
{
        struct rule_names *names = calloc(1, sizeof(*names));
        int r = names ? helper_threads_new(&names->threads, event, "names in rules", names) : -ENOMEM;

        if (r < 0) {
                free(names);
                return r;
        }
        names->changed = changed;
        names->userdata = userdata;
        *ret = names;
        return 0;
}

struct rule_names *rule_names_free(struct rule_names *names)
{
        if (names) {
                names->threads = helper_threads_free(names->threads);
                names->answers = rule_answers_free(names->answers);
                free(names);
        }
        return NULL;
}

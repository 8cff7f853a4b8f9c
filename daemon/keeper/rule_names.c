/* The names in rules, looked up again: a thread for each, so that one that hangs withholds no news of the
 * others. On a busy host no request ever waits: a look-up is best asked for when three quarters of an
 * answer's time are over. */
#include "daemon/keeper/rule_names.h"

#include "daemon/base/helper_threads.h"
#include "daemon/base/journal.h"
#include "daemon/base/timer.h"
#include "lib/util.h"

#include <errno.h>

struct rule_names {
        struct helper_threads *threads;
        rule_names_told_fn told;
        void *userdata;
        struct settings *settings; /* whose rules have the numbers; NULL: none yet */
        struct rule_answers *answers;
        uint64_t generation;      /* of settings: what is looked up for earlier ones is of no use */
        unsigned n_under_way;     /* for these settings */
        unsigned n_threads;       /* for earlier ones as well */
        uint64_t full_since_usec; /* names wait for a thread, and none has ended since; 0: none waits */
        uint64_t asked_usec;      /* the latest look: what was old then gets its turn */
        sd_event_source *turn;    /* in which it is told */
        bool changed;             /* since it was told */
};

/* A name that is looked up. */
struct lookup {
        struct helper_task task;
        uint64_t generation;
        size_t i; /* of rule_answers.list */
        struct rule_answer answer;
};

const struct rule_answers *rule_names_answers(const struct rule_names *names)
{
        return names->answers;
}

/* ---- telling ---- */

static int on_turn(sd_event_source *source, void *userdata)
{
        struct rule_names *names = userdata;
        uint64_t again_usec, until_usec;

        rule_answers_times(names->answers, &again_usec, &until_usec);
        if (names->told(names->changed, again_usec, until_usec, names->userdata)) {
                names->changed = false;
        }
        return 0;
}

static void tell_soon(struct rule_names *names)
{
        (void)sd_event_source_set_enabled(names->turn, SD_EVENT_ONESHOT);
}

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

/* ---- looking up ---- */

/* An answer has taken the place of another. */
static void take(struct rule_names *names, size_t i, const struct rule_answer *answer)
{
        struct rule_answer before = names->answers->list[i];

        names->answers->list[i] = *answer;
        if (!is_same(&before, answer)) {
                say_change(&before, answer);
                rule_answers_apply(names->answers, names->settings);
                names->changed = true;
        }
        tell_soon(names);
}

static void work(struct helper_task *task)
{
        rule_answer_look_up(&((struct lookup *)task)->answer);
}

static void drop(struct helper_task *task)
{
        free(task);
}

static void on_done(struct helper_task *task, uint64_t now_usec, void *userdata)
{
        struct rule_names *names = userdata;
        struct lookup *lookup = (struct lookup *)task;

        names->n_threads--;
        if (lookup->generation == names->generation) {
                uint64_t begun_usec = lookup->answer.begun_usec;
                names->n_under_way--;
                lookup->answer.begun_usec = 0;
                rule_answer_settle(&lookup->answer, begun_usec, now_usec);
                take(names, lookup->i, &lookup->answer);
        }
        free(lookup);
        if (names->full_since_usec > 0) {
                names->full_since_usec = 0;
                rule_names_look_again(names, MAX_OF(now_usec, names->asked_usec));
        }
}

/* There is no answer to be had for the moment. */
static void go_without(struct rule_names *names, size_t i, int error, uint64_t now_usec)
{
        struct rule_answer answer = names->answers->list[i];

        answer.error = error;
        rule_answer_settle(&answer, answer.begun_usec, now_usec);
        take(names, i, &answer);
}

static int begin(struct rule_names *names, size_t i, uint64_t now_usec)
{
        struct lookup *lookup = malloc(sizeof(*lookup));
        if (!lookup) {
                return -ENOMEM;
        }
        *lookup = (struct lookup){ .task = { .work = work, .done = on_done, .drop = drop },
                                   .generation = names->generation,
                                   .i = i,
                                   .answer = names->answers->list[i] };
        lookup->answer.begun_usec = now_usec;
        int r = helper_threads_start(names->threads, &lookup->task);
        if (r < 0) {
                free(lookup);
                return r;
        }
        names->n_threads++;
        names->n_under_way++;
        names->answers->list[i].begun_usec = now_usec;
        return 0;
}

/* Its turn comes when others have ended. */
static bool has_to_queue(const struct rule_names *names)
{
        return names->n_under_way >= RULE_NAMES_THREADS_MAX || names->n_threads >= RULE_NAMES_HANGING_MAX;
}

/* One that is old. Returns whether something will come of it. */
static bool look_again(struct rule_names *names, size_t i, uint64_t now_usec)
{
        const struct rule_answer *answer = &names->answers->list[i];
        uint64_t since_usec = answer->begun_usec;
        int r = 0;

        if (since_usec == 0 && has_to_queue(names)) {
                if (names->full_since_usec == 0) {
                        names->full_since_usec = now_usec;
                }
                since_usec = names->full_since_usec;
        } else if (since_usec == 0) {
                since_usec = now_usec;
                r = begin(names, i, now_usec);
        }
        bool late = now_usec >= since_usec + RULE_NAMES_WAIT_USEC;
        if (now_usec >= answer->until_usec && (r < 0 || late)) {
                go_without(names, i, r < 0 ? -r : ETIMEDOUT, now_usec);
        }
        return r >= 0;
}

void rule_names_look_again(struct rule_names *names, uint64_t now_usec)
{
        bool comes = false;

        names->asked_usec = now_usec;
        for (size_t i = 0; i < names->answers->n; i++) {
                if (now_usec >= names->answers->list[i].again_usec) {
                        comes = look_again(names, i, now_usec) || comes;
                }
        }
        if (!comes) {
                tell_soon(names); /* they are good, or there is no getting at others */
        }
}

/* ---- life ---- */

void rule_names_adopt(struct rule_names *names, struct settings *settings, struct rule_answers *answers)
{
        (void)rule_answers_free(names->answers);
        names->settings = settings;
        names->answers = answers;
        names->generation++;
        names->n_under_way = 0;
        names->full_since_usec = 0;
        names->changed = false;
        tell_soon(names);
}

static void free_names(struct rule_names **names)
{
        *names = rule_names_free(*names);
}

int rule_names_new(struct rule_names **ret, sd_event *event, rule_names_told_fn told, void *userdata)
{
        _cleanup_(free_names) struct rule_names *names = calloc(1, sizeof(*names));
        if (!names) {
                return -ENOMEM;
        }
        names->told = told;
        names->userdata = userdata;
        int r = helper_threads_new(&names->threads, event, "names in rules", names);
        if (r < 0) {
                return r;
        }
        r = turn_new(&names->turn, event, on_turn, names, "names in rules, told");
        if (r < 0) {
                return r;
        }
        *ret = take_ptr(names);
        return 0;
}

struct rule_names *rule_names_free(struct rule_names *names)
{
        if (names) {
                names->threads = helper_threads_free(names->threads);
                sd_event_source_disable_unref(names->turn);
                names->answers = rule_answers_free(names->answers);
                free(names);
        }
        return NULL;
}

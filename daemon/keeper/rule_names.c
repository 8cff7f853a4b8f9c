/* The names in rules, looked up again: a thread for each, so that one that hangs withholds no news of the
 * others. On a busy host no request ever waits: a look-up is best asked for when three quarters of an
 * answer's time are over. */
#include "daemon/keeper/rule_names.h"

#include "daemon/base/clock.h"
#include "daemon/base/helper_threads.h"
#include "daemon/base/journal.h"
#include "daemon/base/timer.h"
#include "lib/util.h"

#include <errno.h>

/* The names of some settings. */
struct round {
        struct rule_answers *answers; /* NULL: there are none */
        uint64_t generation;          /* look-ups for earlier settings are of no use */
        unsigned n_under_way;
};

struct rule_names {
        struct helper_threads *threads;
        rule_names_told_fn told;
        void *userdata;
        struct settings *settings; /* in force, whose rules have the numbers; NULL: none yet */
        struct round now;          /* of those */
        struct round next;         /* of settings that may come into force */
        uint64_t n_rounds;
        unsigned n_threads;         /* for earlier ones as well */
        uint64_t full_since_usec;   /* names wait for a thread, and none has ended since; 0: none waits */
        uint64_t asked_usec;        /* the latest look: old answers then get their turn */
        sd_event_source *turn;      /* in which it is told */
        sd_event_source *retry;     /* a rule lacks its name */
        bool changed;               /* since it was told */
        uint64_t silence_said_usec; /* 0: never */
};

/* A name that is looked up. */
struct lookup {
        struct helper_task task;
        uint64_t generation;
        size_t i; /* of rule_answers.list */
        struct rule_answer answer;
};

static void round_end(struct round *round)
{
        (void)rule_answers_free(round->answers);
        *round = (struct round){ 0 };
}

/* ---- telling ---- */

static int on_turn(sd_event_source *source, void *userdata)
{
        struct rule_names *names = userdata;
        uint64_t again_usec, until_usec;

        rule_answers_times(names->now.answers, &again_usec, &until_usec);
        if (names->told(names->changed, again_usec, until_usec, names->userdata)) {
                names->changed = false;
        }
        if (rule_answers_lacking(names->settings)) {
                timer_start_in(names->retry, RULE_NAMES_RETRY_USEC);
        } else {
                timer_stop(names->retry);
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
                        "%s:%s: the user database has not said for an hour whether it is still there (%s): "
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

/* The last answer stands meanwhile, so nobody would notice but by the waiting. Once an hour is enough: a
 * user database that is slow is so for each name, and each minute. */
static void say_silence(struct rule_names *names, const struct rule_answer *answer, uint64_t now_usec)
{
        bool fresh = names->silence_said_usec > 0 &&
                     now_usec < names->silence_said_usec + RULE_ANSWERS_SILENT_USEC;

        if (answer->error != 0 && answer->state == RULE_ANSWER_FOUND && !fresh) {
                journal_say(
                        &(struct journal_record){ .priority = LOG_WARNING, .id = EVENT_RULE_NAME },
                        "the user database does not say whether %s:%s is still there (%s): its last answer "
                        "holds, for an hour at most",
                        rule_answer_kind(answer->kind), answer->name, strerror(answer->error));
                names->silence_said_usec = now_usec;
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
        struct rule_answer before = names->now.answers->list[i];

        names->now.answers->list[i] = *answer;
        say_silence(names, answer, clock_now_usec());
        if (!is_same(&before, answer)) {
                say_change(&before, answer);
                rule_answers_apply(names->now.answers, names->settings);
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

/* The settings that it was looked up for; NULL: they are gone. */
static struct round *round_of(struct rule_names *names, const struct lookup *lookup)
{
        return lookup->generation == names->now.generation    ? &names->now
               : lookup->generation == names->next.generation ? &names->next
                                                              : NULL;
}

static void on_done(struct helper_task *task, uint64_t now_usec, void *userdata)
{
        struct rule_names *names = userdata;
        struct lookup *lookup = (struct lookup *)task;
        struct round *round = round_of(names, lookup);

        names->n_threads--;
        if (round) {
                uint64_t begun_usec = lookup->answer.begun_usec;
                round->n_under_way--;
                lookup->answer.begun_usec = 0;
                rule_answer_settle(&lookup->answer, begun_usec, now_usec);
        }
        if (round == &names->now) {
                take(names, lookup->i, &lookup->answer);
        } else if (round) {
                round->answers->list[lookup->i] = lookup->answer;
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
        struct rule_answer answer = names->now.answers->list[i];

        answer.error = error;
        rule_answer_settle(&answer, answer.begun_usec, now_usec);
        take(names, i, &answer);
}

static int begin(struct rule_names *names, struct round *round, size_t i, uint64_t now_usec)
{
        struct lookup *lookup = malloc(sizeof(*lookup));
        if (!lookup) {
                return -ENOMEM;
        }
        *lookup = (struct lookup){ .task = { .work = work, .done = on_done, .drop = drop },
                                   .generation = round->generation,
                                   .i = i,
                                   .answer = round->answers->list[i] };
        lookup->answer.begun_usec = now_usec;
        int r = helper_threads_start(names->threads, &lookup->task);
        if (r < 0) {
                free(lookup);
                return r;
        }
        names->n_threads++;
        round->n_under_way++;
        round->answers->list[i].begun_usec = now_usec;
        return 0;
}

/* Its turn comes when others have ended. */
static bool has_to_queue(const struct rule_names *names, const struct round *round)
{
        return round->n_under_way >= RULE_NAMES_THREADS_MAX || names->n_threads >= RULE_NAMES_HANGING_MAX;
}

/* One that is old. Returns whether something will come of it. */
static bool look_again(struct rule_names *names, size_t i, uint64_t now_usec)
{
        const struct rule_answer *answer = &names->now.answers->list[i];
        uint64_t since_usec = answer->begun_usec;
        int r = 0;

        if (since_usec == 0 && has_to_queue(names, &names->now)) {
                if (names->full_since_usec == 0) {
                        names->full_since_usec = now_usec;
                }
                since_usec = names->full_since_usec;
        } else if (since_usec == 0) {
                since_usec = now_usec;
                r = begin(names, &names->now, i, now_usec);
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
        for (size_t i = 0; i < names->now.answers->n; i++) {
                if (now_usec >= names->now.answers->list[i].again_usec) {
                        comes = look_again(names, i, now_usec) || comes;
                }
        }
        if (!comes) {
                tell_soon(names); /* they are good, or there is no getting at others */
        }
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
        rule_names_look_again(userdata, clock_now_usec());
        return 0;
}

/* ---- new settings ---- */

/* Begins what can be begun. */
static void begin_new(struct rule_names *names, struct round *round, uint64_t now_usec)
{
        for (size_t i = 0; i < round->answers->n && !has_to_queue(names, round); i++) {
                struct rule_answer *answer = &round->answers->list[i];
                int r = answer->again_usec == 0 && answer->begun_usec == 0 ? begin(names, round, i, now_usec)
                                                                           : 0;
                if (r < 0) {
                        answer->error = -r;
                        rule_answer_settle(answer, now_usec, now_usec);
                }
        }
}

/* An answer that has not come in time is not younger for the asking; when it is old, callers with a right by
 * it wait.
 */
static void leave_to_come(struct rule_names *names, uint64_t now_usec)
{
        for (size_t i = 0; i < names->next.answers->n; i++) {
                struct rule_answer *answer = &names->next.answers->list[i];
                if (answer->again_usec == 0) {
                        uint64_t until_usec = answer->until_usec;
                        answer->error = ETIMEDOUT;
                        rule_answer_settle(answer, answer->begun_usec, now_usec);
                        answer->again_usec = now_usec;
                        answer->until_usec = until_usec;
                } else {
                        say_silence(names, answer, now_usec);
                }
        }
}

int rule_names_ask(struct rule_names *names, struct settings *settings, uint64_t now_usec,
                   uint64_t wait_usec)
{
        struct rule_answers *answers = NULL;
        uint64_t until_usec = now_usec + wait_usec;

        int r = rule_answers_new(&answers, settings, names->now.answers);
        if (r < 0) {
                return r;
        }
        round_end(&names->next);
        names->next = (struct round){ answers, ++names->n_rounds, 0 };
        begin_new(names, &names->next, now_usec);
        while (names->next.n_under_way > 0 && now_usec < until_usec) {
                helper_threads_wait(names->threads, until_usec - now_usec);
                now_usec = clock_now_usec();
                begin_new(names, &names->next, now_usec);
        }
        leave_to_come(names, now_usec);
        rule_answers_apply(answers, settings);
        rule_answers_say(answers, settings);
        return 0;
}

void rule_names_adopt(struct rule_names *names, struct settings *settings)
{
        round_end(&names->now);
        names->now = names->next;
        names->next = (struct round){ 0 };
        names->settings = settings;
        names->full_since_usec = 0;
        names->changed = false;
        tell_soon(names);
}

/* ---- life ---- */

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
        r = timer_new(&names->retry, event, CLOCK_BOOTTIME, on_retry, names, "names in rules, lacking");
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
                sd_event_source_disable_unref(names->retry);
                round_end(&names->now);
                round_end(&names->next);
                free(names);
        }
        return NULL;
}

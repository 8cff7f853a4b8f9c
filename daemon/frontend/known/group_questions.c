/* Whose groups the keeper is asked for next. A list, as there are no more questions than connections. */
#include "daemon/frontend/known/group_questions.h"

#include "lib/util.h"

struct group_question {
        struct group_question *next;
        uid_t uid;
        bool member;
        uint64_t asked_usec; /* 0: not yet */
        struct waiters waiters;
};

static struct group_question *take_off(struct group_questions *questions, struct group_question **link,
                                       struct group_question *before)
{
        struct group_question *question = *link;

        *link = question->next;
        if (questions->last == question) {
                questions->last = before;
        }
        return question;
}

/* Drops what nobody waits for, and what the keeper must have lost. Counts what is under way. */
static void tidy(struct group_questions *questions, uint64_t now_usec, size_t *ret_asked,
                 size_t *ret_strangers)
{
        struct group_question *before = NULL;

        *ret_asked = *ret_strangers = 0;
        for (struct group_question **link = &questions->first; *link;) {
                struct group_question *question = *link;
                if (question->asked_usec > 0 &&
                    now_usec >= question->asked_usec + GROUP_QUESTIONS_LOST_USEC) {
                        question->asked_usec = 0;
                }
                if (question->asked_usec == 0 && !question->waiters.first) {
                        free(take_off(questions, link, before));
                        continue;
                }
                *ret_asked += question->asked_usec > 0;
                *ret_strangers += question->asked_usec > 0 && !question->member;
                before = question;
                link = &question->next;
        }
}

/* How many leading bits it has in common with the one of those asked about last that is nearest. */
static int nearness(const struct group_questions *questions, uid_t uid)
{
        int nearest = -1;

        for (size_t i = 0; i < MIN_OF(questions->n_strangers, (uint64_t)GROUP_QUESTIONS_RECENT); i++) {
                uid_t difference = uid ^ questions->recent[i];
                nearest = MAX_OF(nearest, difference ? __builtin_clz(difference) : 32);
        }
        return nearest;
}

/* NULL: none that may be asked now. */
static struct group_question *choose(const struct group_questions *questions, bool strangers)
{
        bool by_age = questions->n_strangers % 2 == 0;
        struct group_question *best = NULL;
        int best_nearness = 0;

        for (struct group_question *question = questions->first; question; question = question->next) {
                if (question->asked_usec > 0) {
                        continue;
                }
                if (question->member) {
                        return question;
                }
                if (strangers && !(best && by_age)) {
                        int near = nearness(questions, question->uid);
                        if (!best || near < best_nearness) {
                                best = question;
                                best_nearness = near;
                        }
                }
        }
        return best;
}

static void ask(struct group_questions *questions, uint64_t now_usec)
{
        size_t n_asked, n_strangers;

        tidy(questions, now_usec, &n_asked, &n_strangers);
        while (n_asked < GROUP_QUESTIONS_MAX) {
                struct group_question *question =
                        choose(questions, /* strangers= */ n_strangers < GROUP_QUESTIONS_STRANGERS);
                if (!question) {
                        return;
                }
                question->asked_usec = now_usec;
                n_asked++;
                if (!question->member) {
                        n_strangers++;
                        questions->recent[questions->n_strangers++ % GROUP_QUESTIONS_RECENT] = question->uid;
                }
                questions->sides->ask->groups(questions->sides->keeper, question->uid);
        }
}

void group_questions_add(struct group_questions *questions, uid_t uid, bool member, uint64_t now_usec,
                         struct waiter *waiter)
{
        struct group_question *question = questions->first;

        while (question && question->uid != uid) {
                question = question->next;
        }
        if (!question) {
                question = calloc(1, sizeof(*question));
                if (!question) {
                        waiter_cancel(waiter);
                        return;
                }
                question->uid = uid;
                *(questions->last ? &questions->last->next : &questions->first) = question;
                questions->last = question;
        }
        question->member = question->member || (member && question->asked_usec == 0);
        waiters_add(&question->waiters, waiter);
        ask(questions, now_usec);
}

void group_questions_answered(struct group_questions *questions, uid_t uid, uint64_t now_usec)
{
        struct group_question **link = &questions->first, *before = NULL;

        while (*link && (*link)->uid != uid) {
                before = *link;
                link = &before->next;
        }
        if (*link) {
                struct group_question *question = take_off(questions, link, before);
                waiters_tell(&question->waiters);
                free(question);
        }
        ask(questions, now_usec);
}

void group_questions_clear(struct group_questions *questions)
{
        while (questions->first) {
                struct group_question *question = take_off(questions, &questions->first, NULL);
                while (question->waiters.first) {
                        waiter_cancel(question->waiters.first);
                }
                free(question);
        }
}

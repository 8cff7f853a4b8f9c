/* Questions to the keeper: a list with the oldest first, which is mostly the next to be answered. */
#include "daemon/frontend/known/questions.h"

#include "lib/util.h"

struct question *question_new(struct questions *questions)
{
        struct question *question = calloc(1, sizeof(*question));

        if (question) {
                question->number = ++questions->last_number;
                question->questions = questions;
                question->previous = questions->last;
                if (question->previous) {
                        question->previous->next = question;
                } else {
                        questions->first = question;
                }
                questions->last = question;
        }
        return question;
}

struct question *question_free(struct question *question)
{
        if (question) {
                struct questions *questions = question->questions;
                if (question->previous) {
                        question->previous->next = question->next;
                } else {
                        questions->first = question->next;
                }
                if (question->next) {
                        question->next->previous = question->previous;
                } else {
                        questions->last = question->previous;
                }
                free(question);
        }
        return NULL;
}

void questions_answer(struct questions *questions, const struct keeper_outcome *outcome)
{
        for (struct question *question = questions->first; question; question = question->next) {
                if (question->number == outcome->number) {
                        question->outcome = *outcome;
                        question->answered = true;
                        waiters_tell(&question->waiters);
                        return;
                }
        }
}

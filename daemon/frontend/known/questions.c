/* Questions to the keeper: a list, as there are few at a time. */
#include "daemon/frontend/known/questions.h"

#include "lib/util.h"

struct question *question_new(struct questions *questions)
{
        struct question *question = calloc(1, sizeof(*question));

        if (question) {
                question->number = ++questions->last_number;
                question->next = questions->first;
                question->link = &questions->first;
                if (question->next) {
                        question->next->link = &question->next;
                }
                questions->first = question;
        }
        return question;
}

struct question *question_free(struct question *question)
{
        if (question) {
                *question->link = question->next;
                if (question->next) {
                        question->next->link = question->link;
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

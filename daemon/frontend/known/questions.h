/* Questions to the keeper whose answers are still to come. */
#pragma once

#include "daemon/base/sides.h"
#include "daemon/base/waiters.h"

struct questions;

struct question {
        struct questions *questions;
        struct question *previous, *next;
        uint64_t number; /* never 0 */
        bool answered;
        struct keeper_outcome outcome; /* once it is answered */
        struct waiters waiters;        /* told when it is */
};

/* Zeroed: there is none. */
struct questions {
        struct question *first, *last;
        uint64_t last_number;
};

/* Makes one, with a number of its own: to be asked, and to be waited for. NULL: no memory. */
struct question *question_new(struct questions *questions);
/* Its answer is of no interest any more. NULL is fine; returns NULL. */
struct question *question_free(struct question *question);

/* The keeper has answered; a question that nobody waits for any more is none. */
void questions_answer(struct questions *questions, const struct keeper_outcome *outcome);

/* How many lines of one kind a log gets about each caller, so that those about one who causes many do not
 * take the place of the others'. */
#pragma once

#include "lib/line_budget.h"
#include "lib/names.h"

#include <sys/types.h>

/* Callers that are told apart. Of more, the one of whom there was nothing to say for longest is forgotten;
 * if it comes again, then as a new one. */
#define LINE_SHARES_MAX 64

struct line_caller {
        bool known;
        uid_t uid;
        char local[LOCAL_KEY_NAME_MAX + 1]; /* its local key; "": none */
};

/* Zeroed: there was nothing to say of anybody yet. */
struct line_shares {
        struct {
                struct line_caller caller;
                struct line_budget budget;
                uint64_t asked_usec;
        } list[LINE_SHARES_MAX];
        size_t n;
};

/* May one more line be said about this caller? See line_budget_spend(). */
bool line_shares_spend(struct line_shares *shares, const struct line_caller *caller, uint64_t price_usec,
                       unsigned burst, uint64_t now_usec);

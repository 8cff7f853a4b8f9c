/* How many lines of one kind a log gets about each caller. */
#include "lib/line_share.h"

#include "lib/util.h"

static bool is_same(const struct line_caller *a, const struct line_caller *b)
{
        return a->known == b->known && a->uid == b->uid && streq(a->local, b->local);
}

/* The place of this caller; or, emptied, a free one or that of the caller who gives way. */
static size_t find_place(struct line_shares *shares, const struct line_caller *caller)
{
        size_t oldest = 0;

        for (size_t i = 0; i < shares->n; i++) {
                if (is_same(&shares->list[i].caller, caller)) {
                        return i;
                }
                if (shares->list[i].asked_usec < shares->list[oldest].asked_usec) {
                        oldest = i;
                }
        }
        size_t place = shares->n < LINE_SHARES_MAX ? shares->n++ : oldest;
        shares->list[place] = (typeof(shares->list[0])){ .caller = *caller };
        return place;
}

bool line_shares_spend(struct line_shares *shares, const struct line_caller *caller, uint64_t price_usec,
                       unsigned burst, uint64_t now_usec)
{
        typeof(shares->list[0]) *share = &shares->list[find_place(shares, caller)];

        share->asked_usec = now_usec;
        return line_budget_spend(&share->budget, price_usec, burst, now_usec);
}

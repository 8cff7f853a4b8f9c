/* How many exchanges an environment may send: floor, hourly budget, shares. */
#include "lib/refresh_budget.h"

#include "lib/util.h"

#include <assert.h>

static_assert(REFRESH_NEED_SHARE + (_REFRESH_SHARE_COUNT - 1) * REFRESH_WISH_SHARE == REFRESH_HOURLY_BUDGET,
              "the shares are the budget");

void refresh_budget_take(struct refresh_budget *budget, enum refresh_share share, uint64_t now_usec)
{
        budget->ring[budget->n++ % REFRESH_HOURLY_BUDGET] = (struct refresh_sent){ now_usec, share };
        budget->latest_usec = now_usec;
}

void refresh_budget_give_back(struct refresh_budget *budget)
{
        assert(budget->n > 0);
        /* The entry that stood there before was over an hour old, and counts for nothing. */
        budget->ring[--budget->n % REFRESH_HOURLY_BUDGET] = (struct refresh_sent){ 0 };
}

uint64_t refresh_budget_floor_usec(const struct refresh_budget *budget)
{
        return budget->latest_usec > 0 ? budget->latest_usec + REFRESH_FLOOR_USEC : 0;
}

uint64_t refresh_budget_free_usec(const struct refresh_budget *budget, enum refresh_share share)
{
        unsigned allowed = share == REFRESH_SHARE_NEED ? REFRESH_NEED_SHARE : REFRESH_WISH_SHARE, n = 0;
        uint64_t held = MIN_OF(budget->n, (uint64_t)REFRESH_HOURLY_BUDGET);

        if (held == REFRESH_HOURLY_BUDGET && budget->ring[budget->n % REFRESH_HOURLY_BUDGET].usec == 0) {
                held--; /* given back */
        }
        for (uint64_t i = 1; i <= held; i++) {
                const struct refresh_sent *sent = &budget->ring[(budget->n - i) % REFRESH_HOURLY_BUDGET];
                n += sent->share == share;
                if ((sent->share == share && n == allowed) || i == REFRESH_HOURLY_BUDGET) {
                        return sent->usec + USEC_PER_HOUR;
                }
        }
        return 0;
}

uint64_t refresh_budget_pace_usec(const struct refresh_budget *budget, enum refresh_share share,
                                  uint64_t now_usec)
{
        unsigned allowed = share == REFRESH_SHARE_NEED ? REFRESH_NEED_SHARE : REFRESH_WISH_SHARE, n = 0;
        struct refresh_sent sent[REFRESH_HOURLY_BUDGET];
        size_t n_sent = refresh_budget_list(budget, sent);
        uint64_t oldest = 0;

        for (size_t i = n_sent; i-- > 0 && sent[i].usec + USEC_PER_HOUR > now_usec;) {
                if (sent[i].share == share) {
                        oldest = sent[i].usec;
                        n++;
                }
        }
        return n == 0 || n >= allowed ? 0 : (oldest + USEC_PER_HOUR - now_usec) / (allowed - n);
}

unsigned refresh_budget_used(const struct refresh_budget *budget, uint64_t now_usec)
{
        struct refresh_sent sent[REFRESH_HOURLY_BUDGET];
        size_t n = refresh_budget_list(budget, sent);
        unsigned used = 0;

        for (size_t i = 0; i < n; i++) {
                used += sent[i].usec + USEC_PER_HOUR > now_usec;
        }
        return used;
}

void refresh_budget_restore(struct refresh_budget *budget, const struct refresh_sent *sent, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                refresh_budget_take(budget, sent[i].share, sent[i].usec);
        }
}

size_t refresh_budget_list(const struct refresh_budget *budget,
                           struct refresh_sent ret[static REFRESH_HOURLY_BUDGET])
{
        uint64_t held = MIN_OF(budget->n, (uint64_t)REFRESH_HOURLY_BUDGET);
        size_t n = 0;

        for (uint64_t i = held; i >= 1; i--) {
                const struct refresh_sent *sent = &budget->ring[(budget->n - i) % REFRESH_HOURLY_BUDGET];
                if (sent->usec > 0) {
                        ret[n++] = *sent;
                }
        }
        return n;
}

const char *refresh_share_name(enum refresh_share share)
{
        static const char *const names[_REFRESH_SHARE_COUNT] = {
                [REFRESH_SHARE_NEED] = "need",         [REFRESH_SHARE_TRIAL] = "trial",
                [REFRESH_SHARE_REPORT] = "report",     [REFRESH_SHARE_DEMAND] = "demand",
                [REFRESH_SHARE_OPERATOR] = "operator",
        };
        return names[share];
}

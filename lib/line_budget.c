/* How many lines of one kind a log gets. */
#include "lib/line_budget.h"

#include "lib/util.h"

#include <inttypes.h>
#include <stdio.h>

bool line_budget_spend(struct line_budget *budget, uint64_t price_usec, unsigned burst, uint64_t now_usec)
{
        uint64_t from_usec = MAX_OF(budget->spent_until_usec, now_usec);

        if (from_usec - now_usec >= burst * price_usec) {
                budget->n_kept_back++;
                return false;
        }
        budget->spent_until_usec = from_usec + price_usec;
        return true;
}

const char *line_budget_kept_back(struct line_budget *budget, char buffer[static LINE_BUDGET_TEXT_MAX])
{
        buffer[0] = '\0';
        if (budget->n_kept_back > 0) {
                (void)snprintf(buffer, LINE_BUDGET_TEXT_MAX,
                               "; %" PRIu64 " lines about others were left out", budget->n_kept_back);
                budget->n_kept_back = 0;
        }
        return buffer;
}

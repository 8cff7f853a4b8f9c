/* How many lines of one kind a log gets: so many at once, and then one per price. So a caller that causes
 * them cannot fill the disk. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed, nothing is spent yet. */
struct line_budget {
        uint64_t spent_until_usec; /* may run ahead of now by the burst */
        uint64_t n_kept_back;
};

/* May one more line be said? If not, it is counted as kept back. */
bool line_budget_spend(struct line_budget *budget, uint64_t price_usec, unsigned burst, uint64_t now_usec);

/* "; 12 lines about others were left out", for the first line that is said after those, or "". */
#define LINE_BUDGET_TEXT_MAX 64
const char *line_budget_kept_back(struct line_budget *budget, char buffer[static LINE_BUDGET_TEXT_MAX]);

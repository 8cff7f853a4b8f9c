/* How many of something each user has: a list that is as long as there are users who have any. */
#pragma once

#include "daemon/frontend/callers/peer.h"

struct user_counts {
        struct user_count *counts;
        size_t n, room;
};

/* One more for this peer's user (all unknown ones count as one). -ENOMEM. */
int user_counts_add(struct user_counts *counts, const struct peer *peer);

/* One less. */
void user_counts_remove(struct user_counts *counts, const struct peer *peer);

unsigned user_counts_get(const struct user_counts *counts, const struct peer *peer);

void user_counts_clear(struct user_counts *counts);

/* How many of something each user has. Hosts have few users with open connections: a walk along an array is
 * quick. */
#include "daemon/frontend/callers/user_counts.h"

#include "lib/util.h"

#include <errno.h>

struct user_count {
        uid_t uid;
        unsigned n;
};

static uid_t user_of(const struct peer *peer)
{
        return peer->known ? peer->uid : (uid_t)-1;
}

static struct user_count *find(const struct user_counts *counts, uid_t uid)
{
        for (size_t i = 0; i < counts->n; i++) {
                if (counts->counts[i].uid == uid) {
                        return &counts->counts[i];
                }
        }
        return NULL;
}

int user_counts_add(struct user_counts *counts, const struct peer *peer)
{
        struct user_count *count = find(counts, user_of(peer));

        if (!count) {
                if (counts->n == counts->room) {
                        size_t room = counts->room ? counts->room * 2 : 8;
                        struct user_count *more = reallocarray(counts->counts, room, sizeof(*more));
                        if (!more) {
                                return -ENOMEM;
                        }
                        counts->counts = more;
                        counts->room = room;
                }
                count = &counts->counts[counts->n++];
                *count = (struct user_count){ .uid = user_of(peer) };
        }
        count->n++;
        return 0;
}

void user_counts_remove(struct user_counts *counts, const struct peer *peer)
{
        struct user_count *count = find(counts, user_of(peer));

        if (count && --count->n == 0) {
                *count = counts->counts[--counts->n];
        }
}

unsigned user_counts_get(const struct user_counts *counts, const struct peer *peer)
{
        const struct user_count *count = find(counts, user_of(peer));
        return count ? count->n : 0;
}

void user_counts_clear(struct user_counts *counts)
{
        free(counts->counts);
        *counts = (struct user_counts){ 0 };
}

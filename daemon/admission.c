/* How many connections there may be. */
#include "daemon/admission.h"

static bool user_is_full(const struct admission *admission, const struct peer *peer)
{
        return user_counts_get(&admission->within, peer) >= admission->limits.max_connections_per_user;
}

bool admission_full_for(const struct admission *admission, const struct peer *peer)
{
        return admission->n_within >= admission->limits.max_connections && !user_is_full(admission, peer);
}

bool admission_enter(struct admission *admission, const struct peer *peer, bool *ret_over)
{
        bool over =
                admission->n_within >= admission->limits.max_connections || user_is_full(admission, peer);

        if (over && (admission->n_over >= ADMISSION_RESERVE ||
                     user_counts_get(&admission->over, peer) >= ADMISSION_RESERVE_PER_USER)) {
                return false;
        }
        if (user_counts_add(over ? &admission->over : &admission->within, peer) < 0) {
                return false;
        }
        *(over ? &admission->n_over : &admission->n_within) += 1;
        *ret_over = over;
        return true;
}

void admission_leave(struct admission *admission, const struct peer *peer, bool over)
{
        user_counts_remove(over ? &admission->over : &admission->within, peer);
        *(over ? &admission->n_over : &admission->n_within) -= 1;
}

void admission_clear(struct admission *admission)
{
        user_counts_clear(&admission->within);
        user_counts_clear(&admission->over);
}

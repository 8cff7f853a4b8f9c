/* How many connections there may be. */
#include "daemon/frontend/callers/admission.h"

#include "daemon/base/journal.h"
#include "daemon/base/process.h"
#include "lib/util.h"

/* Descriptors that are not client connections: listeners, the loop, exchanges, key files, credentials that
 * are asked for; and the reserve. */
#define OWN_DESCRIPTORS (96u + CREDENTIAL_SOURCE_MAX + ADMISSION_RESERVE)

struct http_limits admission_limits(const struct access_settings *settings)
{
        struct http_limits limits = { settings->max_connections, settings->max_connections_per_user };
        unsigned descriptors = process_descriptors();
        unsigned most = descriptors - MIN_OF(descriptors, OWN_DESCRIPTORS);

        if (limits.max_connections > most) {
                journal_say(&(struct journal_record){ .priority = LOG_WARNING },
                            "max_connections = %u is more than the limit of open files allows (%u): raise "
                            "RLIMIT_NOFILE (LimitNOFILE= in the unit), or lower the setting",
                            limits.max_connections, most);
                limits.max_connections = most;
        }
        return limits;
}

static bool user_is_full(const struct admission *admission, const struct peer *peer)
{
        return user_counts_get(&admission->within, peer) >= admission->limits.max_connections_per_user;
}

bool admission_full_for(const struct admission *admission, const struct peer *peer)
{
        return admission->n_within >= admission->limits.max_connections && !user_is_full(admission, peer);
}

static bool has_room(const struct admission *admission, const struct peer *peer)
{
        return admission->n_within < admission->limits.max_connections && !user_is_full(admission, peer);
}

bool admission_enter(struct admission *admission, const struct peer *peer, bool *ret_over)
{
        bool over = !has_room(admission, peer);

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

bool admission_promote(struct admission *admission, const struct peer *peer)
{
        if (!has_room(admission, peer) || user_counts_add(&admission->within, peer) < 0) {
                return false;
        }
        admission->n_within++;
        admission_leave(admission, peer, /* over= */ true);
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

/* Words for what is shared. */
#include "lib/share_view.h"

#include "lib/util.h"

const char *share_lease_name(enum share_lease lease)
{
        static const char *const names[] = {
                [SHARE_LEASE_NONE] = "none",
                [SHARE_LEASE_OURS] = "ours",
                [SHARE_LEASE_OTHERS] = "others",
        };

        return names[lease];
}

const char *share_claim_name(enum refresh_claim_kind kind)
{
        static const char *const names[] = {
                [REFRESH_CLAIM_FOUND] = "found",   [REFRESH_CLAIM_LEASED] = "leased",
                [REFRESH_CLAIM_HELD] = "held",     [REFRESH_CLAIM_COOL] = "cool",
                [REFRESH_CLAIM_FAILED] = "failed",
        };

        return names[kind];
}

const char *share_view_state(const struct share_view *view)
{
        static const char *const modes[] = {
                [SHARE_OFF] = "off",
                [SHARE_ON] = "unasked",
                [SHARE_SHORT_KEY] = "short_key",
                [SHARE_UNREAD] = "unread",
        };

        return view->mode == SHARE_ON && view->asked ? store_state_name(view->state) : modes[view->mode];
}

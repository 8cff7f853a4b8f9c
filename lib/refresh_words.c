/* Words for what the refresh machine does. */
#include "lib/refresh_words.h"

const char *refresh_reason_name(enum refresh_reason reason)
{
        static const char *const names[_REFRESH_REASON_COUNT] = {
                [REFRESH_FIRST] = "first",       [REFRESH_DUE] = "due",
                [REFRESH_RETRY] = "retry",       [REFRESH_TRIAL] = "trial",
                [REFRESH_REPORTED] = "reported", [REFRESH_DEMANDED] = "demanded",
                [REFRESH_OPERATOR] = "operator",
        };
        return names[reason];
}

const char *refresh_limit_name(enum refresh_limit limit)
{
        static const char *const names[] = {
                [REFRESH_UNLIMITED] = "none",      [REFRESH_LIMIT_FLOOR] = "floor",
                [REFRESH_LIMIT_BUDGET] = "budget", [REFRESH_LIMIT_RETRY_AFTER] = "retry-after",
                [REFRESH_LIMIT_KEYS] = "keys",
        };
        return names[limit];
}

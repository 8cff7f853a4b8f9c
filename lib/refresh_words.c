/* Words for what the refresh machine does. */
#include "lib/refresh_words.h"

const char *refresh_reason_name(enum refresh_reason reason)
{
        static const char *const names[_REFRESH_REASON_COUNT] = {
                [REFRESH_FIRST] = "first",       [REFRESH_DUE] = "due",
                [REFRESH_RETRY] = "retry",       [REFRESH_TRIAL] = "trial",
                [REFRESH_REPORTED] = "reported", [REFRESH_DEMANDED] = "demanded",
                [REFRESH_OPERATOR] = "operator", [REFRESH_COMPARED] = "compared",
        };
        return names[reason];
}

const char *refresh_limit_name(enum refresh_limit limit)
{
        static const char *const names[] = {
                [REFRESH_UNLIMITED] = "none",
                [REFRESH_LIMIT_FLOOR] = "floor",
                [REFRESH_LIMIT_BUDGET] = "budget",
                [REFRESH_LIMIT_RETRY_AFTER] = "retry-after",
                [REFRESH_LIMIT_SHARE] = "share",
                [REFRESH_LIMIT_KEYS] = "keys",
                [REFRESH_LIMIT_RETRY] = "retry",
                [REFRESH_LIMIT_GAP] = "gap",
                [REFRESH_LIMIT_ELSEWHERE] = "elsewhere",
                [REFRESH_LIMIT_STORE] = "store",
        };
        return names[limit];
}

const char *key_standing_name(enum key_standing standing)
{
        static const char *const names[_KEY_STANDING_COUNT] = {
                [KEY_UNTRIED] = "untried",
                [KEY_GOOD] = "good",
                [KEY_REFUSED] = "refused",
        };
        return names[standing];
}

const char *key_cause_name(enum key_cause cause)
{
        static const char *const names[_KEY_CAUSE_COUNT] = {
                [KEY_NOT_REFUSED] = "",
                [KEY_UNAUTHORIZED] = "unauthorized",
                [KEY_OUTDONE] = "outdone",
                [KEY_OF_OTHER_ACCOUNT] = "other_account",
        };
        return names[cause];
}

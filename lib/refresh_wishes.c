/* Wishes of callers and operators, and the answers to them. */
#include "lib/refresh.h"
#include "lib/refresh_plan.h"
#include "lib/refresh_schedule.h"
#include "lib/refresh_store.h"
#include "lib/util.h"

/* Is an exchange under way that will do for any wish? A trial is not: its failure would say nothing. */
static bool is_under_way(const struct refresh *refresh)
{
        return (refresh->in_flight || refresh->claiming) && refresh->in_flight_share != REFRESH_SHARE_TRIAL;
}

/* The obstacle to a wish now. The floor is none: it is over at once. */
static bool is_held_back(const struct refresh *refresh, enum refresh_reason reason, uint64_t now_usec,
                         struct refresh_obstacle *ret)
{
        uint64_t usable = keyring_usable_usec(&refresh->keyring);

        ret->until_usec = refresh_limited_until(refresh, refresh_wish_share(reason), &ret->limit);
        if (usable > ret->until_usec) {
                *ret = (struct refresh_obstacle){ REFRESH_LIMIT_KEYS, usable };
        }
        return ret->until_usec > now_usec && ret->limit != REFRESH_LIMIT_FLOOR;
}

static void wish(struct refresh *refresh, enum refresh_reason reason, uint64_t now_usec)
{
        if (refresh->wish_usec == USEC_NEVER) {
                refresh->wish_new_account = false;
        }
        if (refresh->wish_usec == USEC_NEVER || reason == REFRESH_OPERATOR) {
                refresh->wish_usec = now_usec;
                refresh->wish_reason = reason;
        }
}

enum refresh_verdict refresh_on_demand(struct refresh *refresh, uint32_t min_ttl_sec, uint64_t now_usec,
                                       struct refresh_step *ret_step, struct refresh_obstacle *ret_obstacle)
{
        bool lives = refresh_token_lives(refresh, now_usec);
        enum refresh_verdict verdict;

        *ret_obstacle = (struct refresh_obstacle){ 0 };
        if (lives && refresh->expires_usec - now_usec >= min_ttl_sec * USEC_PER_SEC) {
                verdict = REFRESH_SATISFIED;
        } else if (refresh->attainable_sec > 0 && min_ttl_sec > refresh->attainable_sec) {
                verdict = REFRESH_UNATTAINABLE;
        } else if (refresh->keyring.n == 0) {
                verdict = REFRESH_NO_KEY;
        } else if (!lives || is_under_way(refresh) || refresh->n_failures > 0) {
                verdict = REFRESH_UNDER_WAY; /* whatever can be done is being done */
        } else if (is_held_back(refresh, REFRESH_DEMANDED, now_usec, ret_obstacle)) {
                verdict = REFRESH_TOO_SOON;
        } else {
                refresh_store_demanded(refresh, min_ttl_sec);
                wish(refresh, REFRESH_DEMANDED, now_usec);
                verdict = REFRESH_UNDER_WAY;
        }
        *ret_step = refresh_plan(refresh, now_usec);
        return verdict;
}

/* Is need's exchange due, and only the floor puts it off? */
static bool is_imminent(const struct refresh *refresh, uint64_t now_usec)
{
        return refresh_next_usec(refresh) <= now_usec + REFRESH_FLOOR_USEC;
}

/* An exchange is wished or due, and not under way yet. */
static bool is_to_come(const struct refresh *refresh, uint64_t now_usec)
{
        return refresh->wish_usec != USEC_NEVER || refresh_need_due_usec(refresh) <= now_usec;
}

/* Is there an exchange whose outcome will answer a report, too? */
static bool is_coming(const struct refresh *refresh, uint64_t now_usec)
{
        if (refresh_store_wait_usec(refresh) > now_usec && refresh->wish_usec != USEC_NEVER) {
                return true; /* others are about to */
        }
        if (!refresh->in_flight || is_under_way(refresh)) {
                return is_imminent(refresh, now_usec);
        }
        return is_to_come(refresh, now_usec + REFRESH_FLOOR_USEC);
}

static void note_report(struct refresh *refresh, uint64_t token_serial, uint64_t now_usec)
{
        refresh->reported_serial = token_serial;
        refresh->reported_usec = now_usec;
        refresh_store_reported(refresh, now_usec);
}

static enum refresh_verdict judge_report(struct refresh *refresh, uint64_t token_serial, uint64_t now_usec,
                                         struct refresh_obstacle *ret)
{
        bool known = refresh->reported_serial == token_serial;
        bool put_off = known && is_to_come(refresh, now_usec);
        bool coming = is_coming(refresh, now_usec) ||
                      (put_off && refresh_store_wait_usec(refresh) > now_usec); /* by others */

        if (!refresh_token_lives(refresh, now_usec) || token_serial != refresh->token_serial) {
                return REFRESH_NOT_CURRENT;
        }
        if (refresh->keyring.n == 0) {
                return REFRESH_NO_KEY;
        }
        if (known && coming) {
                return REFRESH_UNDER_WAY; /* its outcome answers this report, too */
        }
        if (refresh->n_failures > 0 || put_off) {
                *ret = (struct refresh_obstacle){ REFRESH_LIMIT_RETRY,
                                                  refresh->in_flight ? refresh_need_due_usec(refresh)
                                                                     : refresh_next_usec(refresh) };
                return coming ? REFRESH_UNDER_WAY : REFRESH_TOO_SOON;
        }
        if (known) {
                return REFRESH_ALREADY;
        }
        if (refresh->in_flight && is_under_way(refresh)) {
                note_report(refresh, token_serial, now_usec);
                return REFRESH_UNDER_WAY; /* its outcome answers this report, which costs nothing */
        }
        if (refresh->reported_usec > 0 && now_usec < refresh->reported_usec + REFRESH_REPORT_GAP_USEC) {
                *ret = (struct refresh_obstacle){ REFRESH_LIMIT_GAP,
                                                  refresh->reported_usec + REFRESH_REPORT_GAP_USEC };
                return REFRESH_TOO_SOON;
        }
        if (is_held_back(refresh, REFRESH_REPORTED, now_usec, ret)) {
                return REFRESH_TOO_SOON;
        }
        note_report(refresh, token_serial, now_usec);
        wish(refresh, REFRESH_REPORTED, now_usec);
        return REFRESH_UNDER_WAY;
}

enum refresh_verdict refresh_on_report(struct refresh *refresh, uint64_t token_serial, uint64_t now_usec,
                                       struct refresh_step *ret_step, struct refresh_obstacle *ret_obstacle)
{
        *ret_obstacle = (struct refresh_obstacle){ 0 };
        enum refresh_verdict verdict = judge_report(refresh, token_serial, now_usec, ret_obstacle);
        *ret_step = refresh_plan(refresh, now_usec);
        return verdict;
}

enum refresh_verdict refresh_on_operator(struct refresh *refresh, bool new_account, uint64_t now_usec,
                                         struct refresh_step *ret_step,
                                         struct refresh_obstacle *ret_obstacle)
{
        enum refresh_verdict verdict = REFRESH_UNDER_WAY;

        *ret_obstacle = (struct refresh_obstacle){ 0 };
        if (refresh->keyring.n == 0) {
                verdict = REFRESH_NO_KEY;
        } else if (is_held_back(refresh, REFRESH_OPERATOR, now_usec, ret_obstacle)) {
                verdict = is_under_way(refresh) && !new_account ? REFRESH_UNDER_WAY : REFRESH_TOO_SOON;
        } else {
                refresh_end_patience(refresh, now_usec);
                keyring_try_refused(&refresh->keyring, new_account, now_usec);
                wish(refresh, REFRESH_OPERATOR, now_usec);
                refresh->wish_new_account = refresh->wish_new_account || new_account;
        }
        *ret_step = refresh_plan(refresh, now_usec);
        return verdict;
}

void refresh_withdraw(struct refresh *refresh)
{
        if (refresh->wish_usec != USEC_NEVER && refresh->wish_reason == REFRESH_REPORTED) {
                refresh->reported_serial = 0; /* nothing was done about it */
        }
        refresh->wish_usec = USEC_NEVER;
}

/* Obstacles of each kind, and the moments that follow. */
#include "lib/refresh_limits.h"

#include "lib/refresh_store.h"
#include "lib/util.h"

unsigned refresh_sent_last_hour(const struct refresh *refresh, uint64_t now_usec)
{
        return refresh_budget_used(&refresh->budget, now_usec);
}

uint64_t refresh_limited_until(const struct refresh *refresh, enum refresh_share share,
                               enum refresh_limit *ret_limit)
{
        uint64_t until = refresh->retry_after_usec;
        enum refresh_limit limit = until > 0 ? REFRESH_LIMIT_RETRY_AFTER : REFRESH_UNLIMITED;
        uint64_t floor = refresh_budget_floor_usec(&refresh->budget);
        uint64_t free = refresh_budget_free_usec(&refresh->budget, share);

        if (floor > until) {
                until = floor;
                limit = REFRESH_LIMIT_FLOOR;
        }
        if (free > until) {
                until = free;
                limit = share == REFRESH_SHARE_NEED ? REFRESH_LIMIT_BUDGET : REFRESH_LIMIT_SHARE;
        }
        if (ret_limit) {
                *ret_limit = limit;
        }
        return until;
}

enum refresh_share refresh_wish_share(enum refresh_reason reason)
{
        return reason == REFRESH_REPORTED   ? REFRESH_SHARE_REPORT
               : reason == REFRESH_DEMANDED ? REFRESH_SHARE_DEMAND
                                            : REFRESH_SHARE_OPERATOR;
}

/* When something that is due then may start: USEC_NEVER without a key. */
uint64_t refresh_may_start_usec(const struct refresh *refresh, uint64_t due_usec, enum refresh_share share)
{
        uint64_t usable = keyring_usable_usec(&refresh->keyring);

        return due_usec == USEC_NEVER || usable == USEC_NEVER
                       ? USEC_NEVER
                       : MAX_OF(MAX_OF(due_usec, usable), refresh_limited_until(refresh, share, NULL));
}

/* Need is served by the last chance at the latest. */
uint64_t refresh_need_due_usec(const struct refresh *refresh)
{
        bool chance_left = refresh->has_token && refresh->needed_usec < refresh->last_chance_usec;

        return chance_left ? MIN_OF(refresh->due_usec, refresh->last_chance_usec) : refresh->due_usec;
}

uint64_t refresh_need_start_usec(const struct refresh *refresh)
{
        uint64_t may = refresh_may_start_usec(refresh, refresh_need_due_usec(refresh), REFRESH_SHARE_NEED);

        return MAX_OF(may, refresh_store_wait_usec(refresh));
}

uint64_t refresh_trial_start_usec(const struct refresh *refresh)
{
        uint64_t due;

        return keyring_next_trial(&refresh->keyring, &due)
                       ? MAX_OF(due, refresh_limited_until(refresh, REFRESH_SHARE_TRIAL, NULL))
                       : USEC_NEVER;
}

/* An operator's wish does not ask the store. */
uint64_t refresh_wish_start_usec(const struct refresh *refresh)
{
        uint64_t may = refresh_may_start_usec(refresh, refresh->wish_usec,
                                              refresh_wish_share(refresh->wish_reason));

        return refresh->wish_reason == REFRESH_OPERATOR ? may
                                                        : MAX_OF(may, refresh_store_wait_usec(refresh));
}

uint64_t refresh_next_usec(const struct refresh *refresh)
{
        bool counts = refresh->in_flight_share != REFRESH_SHARE_TRIAL || !refresh->has_token;

        if (counts && (refresh->in_flight || refresh->claiming)) {
                return refresh->in_flight ? refresh->sent_usec : refresh->store.claimed_usec;
        }
        uint64_t need = refresh_need_start_usec(refresh), wish = refresh_wish_start_usec(refresh);
        uint64_t next = MIN_OF(need, wish);
        if (refresh->round && refresh->round_share == REFRESH_SHARE_NEED) {
                next = MIN_OF(next, refresh_may_start_usec(refresh, 0, REFRESH_SHARE_NEED));
        }
        return refresh->has_token ? next : MIN_OF(next, refresh_trial_start_usec(refresh));
}

/* The obstacle that puts the next exchange for the token off beyond its time. A retry's wait that ends
 * within the floor is put off so briefly that it is only worth telling when it is due. */
enum refresh_limit refresh_what_limits(const struct refresh *refresh, uint64_t now_usec)
{
        bool wished = refresh->wish_usec <= now_usec;
        enum refresh_share share = wished ? refresh_wish_share(refresh->wish_reason) : REFRESH_SHARE_NEED;
        enum refresh_limit limit;
        uint64_t wanted = MAX_OF(wished ? refresh->wish_usec : refresh_need_due_usec(refresh), now_usec);
        uint64_t allowed = refresh_limited_until(refresh, share, &limit);
        uint64_t usable = keyring_usable_usec(&refresh->keyring);

        uint64_t store =
                wished && refresh->wish_reason == REFRESH_OPERATOR ? 0 : refresh_store_wait_usec(refresh);

        if (store > MAX_OF(MAX_OF(allowed, usable), wanted)) {
                return REFRESH_LIMIT_STORE;
        }
        if (MAX_OF(allowed, usable) <= wanted) {
                return REFRESH_UNLIMITED;
        }
        if (usable > allowed) {
                return REFRESH_LIMIT_KEYS;
        }
        return limit == REFRESH_LIMIT_FLOOR && wanted > now_usec ? REFRESH_UNLIMITED : limit;
}

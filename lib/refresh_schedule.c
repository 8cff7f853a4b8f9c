/* The moments of a new token. Each is drawn at random, as many brokers may have got a token in the same
 * second. And the end of the patience after nothing but 401: an attempt that is due is brought forward. */
#include "lib/refresh_schedule.h"

#include "lib/backoff.h"
#include "lib/util.h"

/* The least time between two exchanges that the budget can bear for ever. */
#define PACE_USEC (USEC_PER_HOUR / REFRESH_NEED_SHARE + 1)

void refresh_store_schedule(struct refresh *refresh, uint64_t issued_usec, uint64_t life_usec,
                            uint32_t random)
{
        bool is_long = life_usec >= REFRESH_LAST_CHANCE_LIFE_USEC;
        uint64_t tenth = life_usec / 10, low = tenth * (is_long ? 8 : 6);

        refresh->store.own_usec = issued_usec + random_between(low, low + tenth, random);
        refresh->store.calm_usec = is_long ? issued_usec + low - REFRESH_COOL_MAX_USEC : 0;
}

/* The refresh point lies strictly inside the life; but a life that the budget could not bear is used for as
 * long as it takes to bear it. A token that was found in a store is refreshed early: one does it for all,
 * and more is left for an outage. One's own is not, as it may be that nobody else has it. */
void refresh_schedule(struct refresh *refresh, uint64_t issued_usec, uint64_t life_usec, uint32_t random)
{
        uint64_t paced = refresh->store.found ? 0 : issued_usec + PACE_USEC, tenth = life_usec / 10;
        uint64_t low = refresh->store.used && refresh->store.found ? 3 : 6;

        refresh->refresh_point_usec = issued_usec + random_between(tenth * low, tenth * (low + 1), random);
        refresh->last_chance_usec = usec_add(refresh_last_chance_usec(refresh->expires_usec, life_usec),
                                             random_between(0, life_usec / 100, random));
        refresh_store_schedule(refresh, issued_usec, life_usec, random);
        refresh->store.own_usec = MAX_OF(refresh->store.own_usec, paced);
        refresh->due_usec = MAX_OF(refresh->refresh_point_usec, paced);
        refresh->due_reason = REFRESH_DUE;
}

void refresh_end_patience(struct refresh *refresh, uint64_t now_usec)
{
        uint64_t latest = now_usec + (refresh->store.used ? REFRESH_COOL_MAX_USEC : REFRESH_ATTEMPT_USEC);

        refresh->unauthorized_usec = 0;
        if (refresh->n_failures > 0 && refresh->due_usec > latest) {
                refresh->due_usec = latest;
                refresh->due_reason = REFRESH_RETRY;
        }
}

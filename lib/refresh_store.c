/* The store as the machine sees it: when it is asked, and for how long its word counts. */
#include "lib/refresh_store.h"

#include "lib/util.h"

bool refresh_is_to_be_claimed(const struct refresh *refresh, uint64_t key_serial, enum refresh_share share,
                              uint64_t now_usec)
{
        const struct refresh_store *store = &refresh->store;

        return store->used && share != REFRESH_SHARE_OPERATOR && store->go_serial != REFRESH_ANY_SERIAL &&
               store->go_serial != key_serial && store->rest_usec <= now_usec &&
               store->distrust_usec <= now_usec;
}

uint64_t refresh_store_wait_usec(const struct refresh *refresh)
{
        return refresh->store.used ? refresh->store.wait_usec : 0;
}

void refresh_store_forget(struct refresh *refresh)
{
        struct refresh_store *store = &refresh->store;

        store->wait_usec = store->patience_usec = 0;
        store->n_leased = store->n_waits = 0;
}

void refresh_store_rest(struct refresh *refresh, uint64_t now_usec)
{
        refresh->store.failed = true;
        refresh->store.rest_usec = now_usec + REFRESH_STORE_REST_USEC;
        refresh->store.wait_usec = 0;
}

uint64_t refresh_look_at_claim(struct refresh *refresh, uint64_t now_usec, struct refresh_step *step)
{
        uint64_t until = refresh->store.claimed_usec + REFRESH_CLAIM_USEC;

        if (!refresh->claiming) {
                return USEC_NEVER;
        }
        if (refresh->store.used && now_usec < until) {
                return until;
        }
        refresh->claiming = false;
        step->cancel = true;
        refresh_store_rest(refresh, now_usec);
        return USEC_NEVER;
}

bool refresh_is_demanded(const struct refresh *refresh)
{
        return refresh->wish_usec != USEC_NEVER && refresh->wish_reason == REFRESH_DEMANDED;
}

void refresh_store_demanded(struct refresh *refresh, uint32_t min_ttl_sec)
{
        struct refresh_store *store = &refresh->store;

        store->min_ttl_sec =
                refresh_is_demanded(refresh) ? MAX_OF(store->min_ttl_sec, min_ttl_sec) : min_ttl_sec;
        if (refresh->wish_usec == USEC_NEVER) {
                store->wait_usec = 0; /* of need, which had time */
        }
}

void refresh_store_reported(struct refresh *refresh, uint64_t now_usec)
{
        struct refresh_store *store = &refresh->store;

        refresh_store_forget(refresh); /* of need, which had time */
        if (store->found && ++store->n_rejected >= REFRESH_REJECTED_MAX) {
                store->n_rejected = 0;
                store->distrust_usec = now_usec + store->lifetime_sec * USEC_PER_SEC;
        }
}

bool refresh_is_calm(const struct refresh *refresh, uint64_t now_usec)
{
        return refresh->store.used && !refresh->store.failed && now_usec <= refresh->store.calm_usec &&
               refresh_token_good(refresh, now_usec);
}

bool refresh_store_trusted(const struct refresh *refresh, uint64_t now_usec)
{
        const struct refresh_store *store = &refresh->store;
        bool good = refresh_token_good(refresh, now_usec);
        bool tired = store->patience_usec > 0 && store->patience_usec <= now_usec;

        if (!store->used || refresh->round) {
                return false; /* keys are compared without delay */
        }
        if (refresh_token_lives(refresh, now_usec) && now_usec >= store->own_usec) {
                return false;
        }
        return good ? !(refresh_is_demanded(refresh) && tired) : refresh->n_failures == 0 && !tired;
}

/* A refresh machine's state, before anything happens to it and as it is. */
#include "lib/refresh_state.h"

#include "lib/util.h"

void refresh_init(struct refresh *refresh)
{
        *refresh = (struct refresh){ .due_reason = REFRESH_FIRST, .wish_usec = USEC_NEVER };
}

void refresh_use_store(struct refresh *refresh, bool use)
{
        const struct refresh_store *store = &refresh->store;

        if (!use) {
                keyring_warm_up(&refresh->keyring);
                refresh->store = (struct refresh_store){ .claimed_usec = store->claimed_usec,
                                                         .attempt_usec = store->attempt_usec,
                                                         .calm_usec = store->calm_usec,
                                                         .own_usec = store->own_usec,
                                                         .found = store->found,
                                                         .lifetime_sec = store->lifetime_sec,
                                                         .min_ttl_sec = store->min_ttl_sec };
        }
        refresh->store.used = use;
}

bool refresh_token_lives(const struct refresh *refresh, uint64_t now_usec)
{
        return refresh->has_token && now_usec < refresh->expires_usec;
}

bool refresh_token_good(const struct refresh *refresh, uint64_t now_usec)
{
        bool reported = refresh->reported_usec > 0 && refresh->reported_serial == refresh->token_serial;

        return refresh_token_lives(refresh, now_usec) && !reported;
}

uint64_t refresh_last_chance_usec(uint64_t expires_usec, uint64_t life_usec)
{
        return life_usec >= REFRESH_LAST_CHANCE_LIFE_USEC ? expires_usec - life_usec / 10 : USEC_NEVER;
}

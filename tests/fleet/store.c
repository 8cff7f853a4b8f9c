/* The store that a fleet shares. */
#include "tests/fleet/store.h"

#include "lib/store_request.h"
#include "lib/util.h"

#define ROUND_TRIP_USEC (2 * USEC_PER_MSEC)
#define PATIENCE_USEC   (2 * USEC_PER_SEC) /* of a keeper: in all, for one claim */
#define LEASE_USEC      (STORE_LEASE_MSEC * USEC_PER_MSEC)

uint64_t store_answer_usec(struct fleet_store *store, uint64_t now_usec, bool *ret_failed)
{
        uint64_t turn = MAX_OF(store->busy_usec, now_usec) + USEC_PER_SEC / store->rate;

        store->n_claims++;
        *ret_failed = store->state == STORE_DOWN || store->state == STORE_SILENT ||
                      turn > now_usec + PATIENCE_USEC;
        if (!*ret_failed) {
                store->busy_usec = turn;
                return turn + ROUND_TRIP_USEC;
        }
        store->n_failed++;
        return now_usec + (store->state == STORE_DOWN ? ROUND_TRIP_USEC : PATIENCE_USEC);
}

/* The lease as it is found: a free one is taken. */
static enum refresh_claim_kind look_at_lease(struct fleet_store *store, uint32_t broker, uint64_t now_usec,
                                             uint64_t *ret_left_usec)
{
        if (store->lease_usec <= now_usec) {
                store->holder = broker;
                store->lease_usec = now_usec + LEASE_USEC;
                store->cool_usec = 0;
                return REFRESH_CLAIM_HELD;
        }
        *ret_left_usec = store->lease_usec - now_usec;
        return store->cool_usec > 0 ? REFRESH_CLAIM_COOL : REFRESH_CLAIM_LEASED;
}

static struct refresh_claim lie(struct fleet_store *store, uint64_t random)
{
        static const enum refresh_claim_kind kinds[] = { REFRESH_CLAIM_LEASED, REFRESH_CLAIM_LEASED,
                                                         REFRESH_CLAIM_FAILED, REFRESH_CLAIM_FOUND };
        struct refresh_claim claim = { .kind = kinds[random % ARRAY_SIZE(kinds)],
                                       .left_usec = random / 8 % LEASE_USEC };

        if (claim.kind == REFRESH_CLAIM_FOUND && random / 4 % 2) {
                store->session = store->before; /* an old one, again */
        }
        return claim;
}

struct refresh_claim store_claim(struct fleet_store *store, uint32_t broker, uint64_t in_hand,
                                 uint64_t reported, uint32_t lifetime_sec, uint64_t random,
                                 uint64_t now_usec)
{
        struct refresh_claim claim = { 0 };

        if (store->state == STORE_LYING) {
                claim = lie(store, random);
        } else {
                claim.kind = look_at_lease(store, broker, now_usec, &claim.left_usec);
        }
        const struct fleet_token *session = &store->session;
        bool of_use = session->serial != 0 && session->expires_usec > now_usec &&
                      session->serial != in_hand && session->serial != reported;
        if (of_use && (store->state != STORE_LYING || claim.kind == REFRESH_CLAIM_FOUND)) {
                claim.otherwise = claim.kind;
                claim.kind = REFRESH_CLAIM_FOUND;
                claim.issued_usec = session->issued_usec;
                claim.expires_usec = session->expires_usec;
                claim.lifetime_sec = lifetime_sec;
                claim.token_serial = session->serial;
        } else if (claim.kind == REFRESH_CLAIM_FOUND) {
                claim.kind = REFRESH_CLAIM_LEASED;
        }
        return claim;
}

static bool holds(const struct fleet_store *store, uint32_t broker, uint64_t now_usec)
{
        return store->state == STORE_UP && store->holder == broker && store->cool_usec == 0 &&
               store->lease_usec > now_usec;
}

void store_publish(struct fleet_store *store, uint32_t broker, const struct fleet_token *token)
{
        if (store->state == STORE_UP) {
                store->before = store->session;
                store->session = *token;
                store_release(store, broker);
        }
}

void store_cool(struct fleet_store *store, uint32_t broker, uint64_t retry_usec, uint64_t now_usec)
{
        if (holds(store, broker, now_usec)) {
                store->lease_usec = MIN_OF(retry_usec, now_usec + REFRESH_COOL_MAX_USEC);
                store->cool_usec = store->lease_usec;
        }
}

void store_release(struct fleet_store *store, uint32_t broker)
{
        if (store->state == STORE_UP && store->holder == broker && store->cool_usec == 0) {
                store->lease_usec = 0;
        }
}

/* How the store of a random history answers: as if others shared it, as if it was broken, or as a liar. */
#include "lib/util.h"
#include "tests/scenario/history.h"

static uint64_t some_left_usec(struct world *world)
{
        return below(world, 16) == 0 ? USEC_NEVER : some_usec(world, 20);
}

/* One that others have obtained with the same key in the last hours, or shortly before its end. */
static void add_token(struct history *history, struct refresh_claim *claim)
{
        struct world *world = &history->world;
        uint64_t age = some_usec(world, 23), now = world->model.now_usec;

        claim->lifetime_sec = history->lifetime_sec;
        if (below(world, 4) == 0) {
                age = claim->lifetime_sec * (55 + below(world, 45)) * (USEC_PER_SEC / 100);
        }
        claim->issued_usec = age < now ? now - age : 1;
        claim->expires_usec = claim->issued_usec + claim->lifetime_sec * USEC_PER_SEC;
        claim->expires_usec -= below(world, USEC_PER_SEC);
}

static void add_any_token(struct history *history, struct refresh_claim *claim)
{
        struct world *world = &history->world;
        uint64_t now = world->model.now_usec;

        claim->lifetime_sec = below(world, 8) ? some_lifetime_sec(world) : 0;
        claim->issued_usec = below(world, 4) ? below(world, now) + 1 : now + some_usec(world, 24);
        claim->expires_usec = below(world, 4) ? now + some_usec(world, 24) : below(world, now);
        claim->new_account = below(world, 32) == 0;
}

/* One near its end, and a little later another one that ends a little later: nobody seems to have to ask the
 * upstream. */
static void add_next(struct history *history, struct refresh_claim *claim)
{
        struct world *world = &history->world;
        const struct model *model = &world->model;
        uint64_t now = model->now_usec, life;

        claim->lifetime_sec = MAX_OF(history->lifetime_sec, 60U);
        life = claim->lifetime_sec * USEC_PER_SEC;
        claim->expires_usec = model_token_lives(model) ? model->expires_usec + below(world, USEC_PER_SEC) + 1
                                                       : now + life / 5;
        claim->expires_usec = MIN_OF(claim->expires_usec, now + life / 5);
        claim->issued_usec = claim->expires_usec > life ? claim->expires_usec - life : 1;
        claim->otherwise = below(world, 4) ? REFRESH_CLAIM_LEASED : REFRESH_CLAIM_COOL;
}

/* A token found ends no recovery, and is none: it is the keys that are looked at. */
static void find_none(struct refresh_claim *claim)
{
        bool held = claim->otherwise == REFRESH_CLAIM_FOUND;

        *claim = (struct refresh_claim){ .kind = held ? REFRESH_CLAIM_HELD : claim->otherwise,
                                         .left_usec = claim->left_usec };
}

static enum refresh_claim_kind kind_in_mood(struct world *world, enum store_mood mood)
{
        switch (mood) {
        case STORE_HELD:
                return REFRESH_CLAIM_HELD;
        case STORE_SHARED:
                return below(world, 4)   ? REFRESH_CLAIM_FOUND
                       : below(world, 2) ? REFRESH_CLAIM_LEASED
                                         : REFRESH_CLAIM_HELD;
        case STORE_LEASED:
                return REFRESH_CLAIM_LEASED;
        case STORE_COOL:
                return REFRESH_CLAIM_COOL;
        case STORE_LYING:
        case STORE_AGEING:
                return REFRESH_CLAIM_FOUND;
        case STORE_MIXED:
                return (enum refresh_claim_kind)below(world, _REFRESH_CLAIM_COUNT);
        default:
                return REFRESH_CLAIM_FAILED;
        }
}

struct store_answer moody_store(struct world *world)
{
        struct history *history = world->context;
        enum store_mood mood = history->store_mood;
        struct store_answer answer = { .after_usec = some_usec(world, 10) };
        bool silent = mood == STORE_SILENT || (mood == STORE_MIXED && below(world, 4) == 0);

        answer.claim.kind = kind_in_mood(world, mood);
        answer.claim.left_usec = some_left_usec(world);
        if (answer.claim.kind == REFRESH_CLAIM_FOUND) {
                static const enum refresh_claim_kind others[] = { REFRESH_CLAIM_FOUND, REFRESH_CLAIM_LEASED,
                                                                  REFRESH_CLAIM_HELD, REFRESH_CLAIM_COOL };
                answer.claim.otherwise = others[below(world, ARRAY_SIZE(others))];
                if (mood == STORE_SHARED) {
                        add_token(history, &answer.claim);
                } else if (mood == STORE_AGEING) {
                        add_next(history, &answer.claim);
                } else {
                        add_any_token(history, &answer.claim);
                }
                if (history->recovering) {
                        find_none(&answer.claim);
                }
        }
        if (silent) {
                answer.after_usec = below(world, 2) ? USEC_NEVER : below(world, 20 * USEC_PER_SEC);
                answer.late = answer.after_usec != USEC_NEVER;
        }
        return answer;
}

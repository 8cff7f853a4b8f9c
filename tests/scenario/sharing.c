/* The player's words for a store that brokers with the same key share.
 *
 * Events: `store ANSWER` (there is one, and it says this each time, after 2 ms), `store silent`, `store
 * by-hand` (each question is answered by `claim ANSWER`), `store none`. ANSWER is `free` (the exchange is
 * ours), `leased`, `cool DURATION`, `failed`, or `found AGE LIFETIME [leased | cool]`, a token issued so
 * long ago.
 *
 * Expectations: `claim` (it is being asked), `no-claim`, `claims OP N` (questions since the mark). */
#include "tests/scenario/player.h"

#include <stdio.h>

/* Reads "found AGE LIFETIME", "leased", "free", "cool DURATION" or "failed"; AGE is how long ago that token
 * was issued, and after it may stand what the store says if the token is of no use. */
static bool read_claim(struct player *player, const char *word, struct refresh_claim *ret)
{
        struct script *script = &player->script;
        uint64_t now = player->world.model.now_usec, length;

        *ret = (struct refresh_claim){ .kind = REFRESH_CLAIM_FAILED };
        if (word && streq(word, "found")) {
                uint64_t age, lifetime_sec;
                if (!read_duration(script, next_word(script), &age) ||
                    !read_number(script, next_word(script), &lifetime_sec)) {
                        return false;
                }
                ret->kind = REFRESH_CLAIM_FOUND;
                ret->issued_usec = now > age ? now - age : 1;
                ret->lifetime_sec = (uint32_t)lifetime_sec;
                ret->expires_usec = ret->issued_usec + lifetime_sec * USEC_PER_SEC;
                const char *otherwise = next_word(script);
                bool cool = otherwise && streq(otherwise, "cool");
                ret->left_usec = cool ? USEC_PER_MIN : 0;
                ret->otherwise = cool                                      ? REFRESH_CLAIM_COOL
                                 : otherwise && streq(otherwise, "leased") ? REFRESH_CLAIM_LEASED
                                                                           : REFRESH_CLAIM_HELD;
                return !otherwise || cool || streq(otherwise, "leased") || streq(otherwise, "free") ||
                       complain(script, "expected \"leased\", \"cool\" or \"free\", found \"%s\"",
                                otherwise);
        }
        if (word && streq(word, "cool")) {
                if (!read_duration(script, next_word(script), &length)) {
                        return false;
                }
                ret->kind = REFRESH_CLAIM_COOL;
                ret->left_usec = length;
                return true;
        }
        if (!word || (!streq(word, "leased") && !streq(word, "free") && !streq(word, "failed"))) {
                return complain(script, "the store cannot say \"%s\"", word ? word : "end of line");
        }
        ret->kind = streq(word, "leased") ? REFRESH_CLAIM_LEASED
                    : streq(word, "free") ? REFRESH_CLAIM_HELD
                                          : REFRESH_CLAIM_FAILED;
        return true;
}

static struct store_answer store(struct world *world)
{
        const struct player *player = world->context;
        struct store_answer answer = player->store_manner;
        uint64_t later = world->model.now_usec - player->store_since_usec;

        answer.claim.issued_usec += later; /* so long ago when it is asked */
        answer.claim.expires_usec += later;
        return answer;
}

bool player_store(struct player *player)
{
        struct world *world = &player->world;
        const char *word = next_word(&player->script);
        bool none = word && streq(word, "none"), by_hand = word && streq(word, "by-hand");

        model_use_store(&world->model, !none);
        world->store = none || by_hand ? NULL : store;
        if (none || by_hand) {
                return true;
        }
        player->store_since_usec = world->model.now_usec;
        player->store_manner = (struct store_answer){ .after_usec = 2 * USEC_PER_MSEC };
        if (word && streq(word, "silent")) {
                player->store_manner.after_usec = USEC_NEVER;
                return true;
        }
        return read_claim(player, word, &player->store_manner.claim);
}

bool player_claim(struct player *player)
{
        struct world *world = &player->world;
        struct refresh_claim claim;

        if (!read_claim(player, next_word(&player->script), &claim)) {
                return false;
        }
        world_claim(world, &claim);
        return true;
}

bool player_expect_claims(struct player *player)
{
        const char *sign = next_word(&player->script);
        uint64_t number, n = player->n_claims;

        if (!sign || !read_number(&player->script, next_word(&player->script), &number)) {
                return sign ? false : complain(&player->script, "expected =, <= or >=");
        }
        bool holds = streq(sign, "=") ? n == number : streq(sign, "<=") ? n <= number : n >= number;
        return holds || complain(&player->script, "the store was asked %u times", player->n_claims);
}

bool player_expect_claim(struct player *player, bool any)
{
        const struct model *model = &player->world.model;

        return model->claiming == any ||
               complain(&player->script, any ? "the store is not being asked" : "the store is being asked");
}

/* The expectations of a scenario: each compares, and reports the difference in words. */
#include "lib/refresh_words.h"
#include "tests/scenario/player.h"

#include <inttypes.h>
#include <stdio.h>

/* A moment as scenarios write it. */
struct moment {
        char text[32];
};

static struct moment moment(uint64_t usec)
{
        struct moment moment = { "never" };
        if (usec != USEC_NEVER) {
                uint64_t since = usec_sub(usec, EPOCH_USEC);
                (void)snprintf(moment.text, sizeof(moment.text), "%02u:%02u:%06.3f",
                               (unsigned)(since / USEC_PER_HOUR), (unsigned)(since / USEC_PER_MIN % 60),
                               (double)(since % USEC_PER_MIN) / 1e6);
        }
        return moment;
}

static const char *key_name(const struct player *player, uint64_t serial)
{
        return serial < MODEL_KEYS_MAX && player->key_names[serial][0] ? player->key_names[serial]
                                                                       : "no key";
}

/* Is this the key, by its name or by its label? */
static bool key_is(const struct player *player, uint64_t serial, const char *word)
{
        const struct key_state *key = keyring_find(&player->world.model.machine.keyring, serial);
        return streq(key_name(player, serial), word) || (key && streq(key->label, word));
}

/* Reads a TIME into the world's clock. */
static bool expected_time(struct player *player, uint64_t *ret_usec)
{
        struct script *script = &player->script;
        uint64_t now = player->world.model.now_usec - EPOCH_USEC;
        if (!read_time(script, next_word(script), now, ret_usec)) {
                return false;
        }
        *ret_usec += EPOCH_USEC;
        return true;
}

/* If the next word is this one, consumes it. */
static bool maybe_word(struct script *script, const char *word)
{
        const char *start = script->rest + strspn(script->rest, " \t");
        size_t length = strlen(word);
        if (strncmp(start, word, length) != 0 ||
            (start[length] != '\0' && !strchr(" \t,\r\n", start[length]))) {
                return false;
        }
        (void)next_word(script);
        return true;
}

/* ---- one function per expectation ---- */

static bool expect_exchange(struct player *player)
{
        const struct model *model = &player->world.model;
        const char *word = next_word(&player->script);

        if (!model->in_flight) {
                return complain(&player->script, "no exchange is in flight, the next is set to %s",
                                moment(refresh_next_usec(&model->machine)).text);
        }
        if (!word || !key_is(player, model->in_flight_key, word)) {
                return complain(&player->script, "the exchange in flight uses %s",
                                key_name(player, model->in_flight_key));
        }
        if (maybe_word(&player->script, "reason")) {
                const char *reason = refresh_reason_name(model->in_flight_reason);
                word = next_word(&player->script);
                if (!word || !streq(reason, word)) {
                        return complain(&player->script, "the reason of the exchange is \"%s\"", reason);
                }
        }
        return true;
}

static bool expect_no_exchange(struct player *player)
{
        const struct model *model = &player->world.model;
        return !model->in_flight || complain(&player->script, "an exchange is in flight, with %s, reason %s",
                                             key_name(player, model->in_flight_key),
                                             refresh_reason_name(model->in_flight_reason));
}

static bool token_since(struct player *player)
{
        uint64_t since;
        if (!expected_time(player, &since)) {
                return false;
        }
        const struct token_life *life =
                &player->lives[player->n_lives - 1]; /* there is one: a token lives */
        return life->from_usec <= since ||
               complain(&player->script, "a token lives without a gap only since %s",
                        moment(life->from_usec).text);
}

static bool token_within(struct player *player)
{
        uint64_t length, from;
        if (!read_duration(&player->script, next_word(&player->script), &length) ||
            !demand_word(&player->script, "of") || !expected_time(player, &from)) {
                return false;
        }
        world_run_until(&player->world, from + length);
        for (size_t i = 0; i < player->n_lives; i++) {
                if (player->lives[i].until_usec > from) {
                        uint64_t first = MAX_OF(player->lives[i].from_usec, from);
                        return first <= from + length ||
                               complain(&player->script, "the token came at %s", moment(first).text);
                }
        }
        return complain(&player->script, "until %s there was no token",
                        moment(player->world.model.now_usec).text);
}

static bool expect_token(struct player *player)
{
        const struct model *model = &player->world.model;

        if (maybe_word(&player->script, "within")) {
                return token_within(player);
        }
        if (!model_token_lives(model)) {
                return complain(&player->script, "no token lives; the next exchange is set to %s",
                                moment(refresh_next_usec(&model->machine)).text);
        }
        if (maybe_word(&player->script, "since")) {
                return token_since(player);
        }
        if (maybe_word(&player->script, "from")) {
                const char *word = next_word(&player->script);
                return (word && key_is(player, model->token_key, word)) ||
                       complain(&player->script, "the token in hand was obtained with %s",
                                key_name(player, model->token_key));
        }
        return true;
}

static bool expect_no_token(struct player *player)
{
        const struct model *model = &player->world.model;
        return !model_token_lives(model) ||
               complain(&player->script, "a token lives until %s", moment(model->expires_usec).text);
}

static bool expect_next(struct player *player)
{
        uint64_t low = USEC_NEVER, high = USEC_NEVER, next = refresh_next_usec(&player->world.model.machine);

        if (!maybe_word(&player->script, "never") &&
            (!demand_word(&player->script, "between") || !expected_time(player, &low) ||
             !demand_word(&player->script, "and") || !expected_time(player, &high))) {
                return false;
        }
        return (low <= next && next <= high) ||
               complain(&player->script, "the next exchange is set to %s", moment(next).text);
}

static bool expect_limit(struct player *player)
{
        const char *word = next_word(&player->script),
                   *limit = refresh_limit_name(player->world.model.step.limit);
        return (word && streq(word, limit)) || complain(&player->script, "the limit is \"%s\"", limit);
}

static bool expect_verdict(struct player *player)
{
        const char *word = next_word(&player->script), *verdict = verdict_name(player->verdict);
        return (word && streq(word, verdict)) || complain(&player->script, "the verdict is \"%s\"", verdict);
}

/* The most exchanges in any stretch of this length since the mark. */
static size_t most_sent_in(const struct player *player, uint64_t length)
{
        size_t most = 0, oldest = 0;
        for (size_t i = 0; i < player->n_sent; i++) {
                while (player->sent_usec[oldest] < player->mark_usec ||
                       player->sent_usec[i] - player->sent_usec[oldest] >= length) {
                        if (oldest == i) {
                                break;
                        }
                        oldest++;
                }
                most = player->sent_usec[i] >= player->mark_usec ? MAX_OF(most, i - oldest + 1) : most;
        }
        return most;
}

static bool expect_exchanges(struct player *player)
{
        const char *sign = next_word(&player->script);
        uint64_t number, length = USEC_NEVER;

        if (!sign || !read_number(&player->script, next_word(&player->script), &number)) {
                return sign ? false : complain(&player->script, "expected =, <= or >=");
        }
        if (maybe_word(&player->script, "per")) {
                length = USEC_PER_HOUR;
                if (!demand_word(&player->script, "hour")) {
                        return false;
                }
        }
        uint64_t n = most_sent_in(player, length);
        bool holds = streq(sign, "=")    ? n == number
                     : streq(sign, "<=") ? n <= number
                     : streq(sign, ">=") ? n >= number
                                         : complain(&player->script, "expected =, <= or >=");
        return holds || complain(&player->script, "there were %" PRIu64 " exchanges", n);
}

static bool expect_key(struct player *player)
{
        const char *name = next_word(&player->script), *word = next_word(&player->script);
        const struct key_state *key =
                name ? keyring_find(&player->world.model.machine.keyring, player_key(player, name)) : NULL;
        const char *standing = key ? key_standing_name(key->known.standing) : "not there";

        return (word && streq(word, standing)) || complain(&player->script, "the key is %s", standing);
}

/* Of the latest verdict. */
static bool expect_obstacle(struct player *player)
{
        const struct refresh_obstacle *obstacle = &player->world.model.obstacle;
        const char *word = next_word(&player->script), *limit = refresh_limit_name(obstacle->limit);
        uint64_t low, high;

        if (!word || !streq(word, limit)) {
                return complain(&player->script, "the obstacle is \"%s\"", limit);
        }
        if (!demand_word(&player->script, "between") || !expected_time(player, &low) ||
            !demand_word(&player->script, "and") || !expected_time(player, &high)) {
                return false;
        }
        return (low <= obstacle->until_usec && obstacle->until_usec <= high) ||
               complain(&player->script, "it is told to last until %s", moment(obstacle->until_usec).text);
}

static bool expect_keys(struct player *player)
{
        const struct keyring *keyring = &player->world.model.machine.keyring;
        size_t i = 0;

        if (maybe_word(&player->script, "none")) {
                return keyring->n == 0 || complain(&player->script, "there are %zu keys", keyring->n);
        }
        for (const char *word; (word = next_word(&player->script)); i++) {
                const char *name = i < keyring->n ? key_name(player, keyring->keys[i].serial) : "none";
                if (!streq(name, word)) {
                        return complain(&player->script, "key %zu of the ring is %s", i + 1, name);
                }
        }
        return i == keyring->n || complain(&player->script, "there are %zu keys", keyring->n);
}

static bool expect_claim(struct player *player)
{
        return player_expect_claim(player, /* any= */ true);
}

static bool expect_no_claim(struct player *player)
{
        return player_expect_claim(player, /* any= */ false);
}

bool player_expect(struct player *player)
{
        static const struct {
                const char *word;
                bool (*expect)(struct player *player);
        } rows[] = {
                { "exchange", expect_exchange }, { "no-exchange", expect_no_exchange },
                { "token", expect_token },       { "no-token", expect_no_token },
                { "next", expect_next },         { "limit", expect_limit },
                { "verdict", expect_verdict },   { "exchanges", expect_exchanges },
                { "keys", expect_keys },         { "key", expect_key },
                { "obstacle", expect_obstacle }, { "claim", expect_claim },
                { "no-claim", expect_no_claim }, { "claims", player_expect_claims },
        };
        bool holds = true;
        size_t row;

        for (const char *word; holds && (word = next_word(&player->script));) {
                for (row = 0; row < ARRAY_SIZE(rows) && !streq(word, rows[row].word); row++) {
                }
                if (row == ARRAY_SIZE(rows)) {
                        return complain(&player->script, "nothing can be expected of \"%s\"", word);
                }
                player->n_expectations++;
                holds = rows[row].expect(player);
        }
        return holds;
}

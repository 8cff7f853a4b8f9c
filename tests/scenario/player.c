/* Plays scenarios: life stories of one refresh machine, written as text, in virtual time.
 *
 *     player FILE...
 *
 * Each file is played five times, with the lowest, the highest and three kinds of random jitter; so what it
 * expects has to hold for all. All the time the promises of model.h are checked as well. Trouble is told as
 * file:line, and a file without any expectation is trouble.
 *
 * A line is `[TIME] EVENT` or `[TIME] expect EXPECTATION, ...`; from # on it is a comment. TIME is
 * HH:MM:SS[.mmm] since the beginning (any number of hours), or +DURATION since the line before; DURATION is
 * 250ms, 90s, 5m, 9h, 3d. Until TIME the machine lives on by itself: its timers fire when due, and the
 * upstream answers.
 *
 * Events
 *     keys LABEL=KEY ...     the key files hold this now; KEY is any name, KEY! was written again with
 *                            the same content; `keys none`
 *     restart DURATION       the program ends, and begins anew so much later, with the same key files
 *     move                   another upstream is asked from now on, or another account there
 *     suspend DURATION       the machine sleeps; overdue events happen at the end
 *     demand SECONDS         a caller needs a token with so much life left
 *     report                 a caller says that the current token was refused; `report stale`: an
 *                            older one
 *     operator [new-account] an operator asks for a new token, and for refused keys to be tried
 *     storm demand SECONDS every DURATION for DURATION
 *     storm report every DURATION for DURATION
 *     storm restart every DURATION for DURATION
 *     storm move every DURATION for DURATION
 *     storm files every DURATION for DURATION      all files are gone for half of it, and back
 *     mark                   exchanges are counted from here
 *
 * Answers, in one of two ways. By hand, the exchange in flight ends with
 *     granted SECONDS, refused, throttled SECONDS, throttled none, unavailable, malformed, request-refused,
 *     other-account, held SECONDS (request-refused, with Retry-After for the key), busy SECONDS
 * (unavailable, with Retry-After), unsent (unavailable, but nothing left the host) or the world has an
 * upstream that answers everything in the same way, until told otherwise: upstream ANSWER [after DURATION]
 * (0.2 s if not said), `upstream by-hand` refuse KEY ..., accept KEY ...       these keys it refuses,
 * whatever else it does answer KEY ANSWER                    this key has an answer of its own; `accept KEY`
 * ends that
 *
 * Expectations, of the state at TIME (sharing.c has more, and the events `store` and `claim`)
 *     exchange KEY [reason REASON]    in flight, with this key or label; `no-exchange`
 *     token, no-token                 one lives, or not
 *     token from KEY                  and was obtained with this key or label
 *     token since TIME                one has lived ever since, without a gap
 *     token within DURATION of TIME   so soon after TIME one lived; if need be, runs on until then
 *     next between TIME and TIME      when the next exchange is set to start; `next never`
 *     limit LIMIT                     what puts it off: none, floor, budget, share, retry-after, keys
 *     obstacle LIMIT between TIME and TIME    what the latest verdict was told to be against it: also retry,
 * gap verdict VERDICT                 of the latest demand, report or operator: satisfied, under-way,
 *                                     unattainable, not-current, already, too-soon, no-key
 *     exchanges OP N [per hour]       since the mark (in any hour of it); OP is =, <= or >=
 *     key KEY STANDING                good, refused or untried
 *     keys KEY ...                    what is in the keyring, in order, kept ones included; `keys
 *                                     none`; stands last on its line
 *
 * There is no word for a step of the wall clock: the machine has no such clock. */
#include "tests/scenario/player.h"

#include "tests/scenario/restart.h"

#include <errno.h>
#include <stdio.h>

/* ---- what happens by itself ---- */

static struct answer upstream(struct world *world)
{
        struct player *player = world->context;
        struct answer answer = player->manner;
        if (player->answered[world->model.in_flight_key]) {
                answer.outcome = player->own_answers[world->model.in_flight_key];
        }
        return answer;
}

static void observe(struct world *world)
{
        struct player *player = world->context;
        const struct model *model = &world->model;
        struct token_life *life = player->n_lives ? &player->lives[player->n_lives - 1] : NULL;
        bool lived = life && life->until_usec == USEC_NEVER, lives = model_token_lives(model);

        player->n_claims += model->step.claim;
        if (model->step.exchange && player->n_sent < EXCHANGES_MAX) {
                player->sent_usec[player->n_sent++] = model->now_usec;
        }
        if (lived && !lives) {
                life->until_usec = model->now_usec;
        } else if (!lived && lives && player->n_lives < TOKEN_LIVES_MAX) {
                player->lives[player->n_lives++] = (struct token_life){ model->now_usec, USEC_NEVER };
        }
}

/* ---- keys ---- */

uint64_t player_key(struct player *player, const char *name)
{
        for (uint64_t serial = 1; serial < MODEL_KEYS_MAX; serial++) {
                if (player->key_names[serial][0] == '\0') {
                        (void)snprintf(player->key_names[serial], KEY_NAME_MAX, "%s", name);
                }
                if (streq(player->key_names[serial], name)) {
                        return serial;
                }
        }
        return 0;
}

static bool event_keys(struct player *player)
{
        struct key_name names[KEYS_PER_ENVIRONMENT_MAX] = { 0 };
        size_t n = 0;

        for (char *word; (word = next_word(&player->script));) {
                char *key = strchr(word, '=');
                if (streq(word, "none") && n == 0) {
                        continue;
                }
                if (!key || n == ARRAY_SIZE(names) || key - word > KEY_LABEL_MAX) {
                        return complain(&player->script,
                                        "expected up to three times LABEL=KEY, found \"%s\"", word);
                }
                *key++ = '\0';
                size_t length = strlen(key);
                names[n].rewritten = length > 0 && key[length - 1] == '!';
                key[length - names[n].rewritten] = '\0';
                if (key[0] == '\0' || strlen(key) >= KEY_NAME_MAX) {
                        return complain(&player->script, "the name of a key has 1 to %d characters",
                                        KEY_NAME_MAX - 1);
                }
                names[n].serial = player_key(player, key);
                memcpy(names[n++].label, word, strlen(word) + 1);
        }
        model_keys(&player->world.model, names, n);
        world_after_event(&player->world);
        return true;
}

static bool event_refuse(struct player *player, bool refused)
{
        for (const char *word; (word = next_word(&player->script));) {
                uint64_t serial = player_key(player, word);
                player->answered[serial] = refused;
                player->own_answers[serial] =
                        (struct refresh_outcome){ .outcome = EXCHANGE_KEY_REFUSED,
                                                  .retry_after_sec = RETRY_AFTER_NONE };
        }
        return true;
}

/* ---- answers ---- */

/* Reads "granted SECONDS" and its like; false without a complaint when the word is none of them. */
static bool read_answer(struct player *player, const char *word, struct refresh_outcome *ret)
{
        static const struct {
                const char *word;
                enum exchange_outcome outcome;
        } rows[] = {
                { "granted", EXCHANGE_GRANTED },      { "refused", EXCHANGE_KEY_REFUSED },
                { "throttled", EXCHANGE_THROTTLED },  { "unavailable", EXCHANGE_UNAVAILABLE },
                { "malformed", EXCHANGE_MALFORMED },  { "request-refused", EXCHANGE_REQUEST_REFUSED },
                { "held", EXCHANGE_REQUEST_REFUSED }, { "other-account", EXCHANGE_OTHER_ACCOUNT },
                { "unsent", EXCHANGE_UNAVAILABLE },   { "busy", EXCHANGE_UNAVAILABLE },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                if (!streq(word, rows[i].word)) {
                        continue;
                }
                uint64_t seconds = RETRY_AFTER_NONE;
                bool granted = rows[i].outcome == EXCHANGE_GRANTED,
                     held = streq(word, "held") || streq(word, "busy");
                if (granted || held || rows[i].outcome == EXCHANGE_THROTTLED) {
                        const char *number = next_word(&player->script);
                        bool none = !granted && !held && number && streq(number, "none");
                        if (!none && !read_number(&player->script, number, &seconds)) {
                                return false;
                        }
                }
                *ret = (struct refresh_outcome){ .outcome = rows[i].outcome,
                                                 .lifetime_sec = granted ? (uint32_t)seconds : 0,
                                                 .retry_after_sec =
                                                         granted ? RETRY_AFTER_NONE : (uint32_t)seconds,
                                                 .retry_after_for_key = streq(word, "held"),
                                                 .unsent = streq(word, "unsent") };
                return true;
        }
        return false;
}

static bool event_answer_key(struct player *player)
{
        const char *name = next_word(&player->script);
        uint64_t serial = name ? player_key(player, name) : 0;
        const char *word = next_word(&player->script);

        if (serial == 0 || !word || !read_answer(player, word, &player->own_answers[serial])) {
                return player->script.failed || complain(&player->script, "expected a key and its answer");
        }
        player->answered[serial] = true;
        return true;
}

static bool event_answer(struct player *player, const struct refresh_outcome *outcome)
{
        if (!player->world.model.in_flight || player->world.answer_usec != USEC_NEVER) {
                return complain(&player->script, "no exchange is waiting for an answer by hand");
        }
        world_answer(&player->world, outcome);
        return true;
}

static bool event_upstream(struct player *player)
{
        struct world *world = &player->world;
        const char *word = next_word(&player->script);

        if (word && streq(word, "by-hand")) {
                world->upstream = NULL; /* an answer that is on its way still comes */
                return true;
        }
        if (!word || !read_answer(player, word, &player->manner.outcome)) {
                return player->script.failed ||
                       complain(&player->script, "no answer: \"%s\"", word ? word : "end of line");
        }
        player->manner.after_usec = 200 * USEC_PER_MSEC;
        word = next_word(&player->script);
        if (word && !streq(word, "after")) {
                return complain(&player->script, "expected \"after\", found \"%s\"", word);
        }
        if (word &&
            !read_duration(&player->script, next_word(&player->script), &player->manner.after_usec)) {
                return false;
        }
        world->upstream = upstream;
        if (world->model.in_flight && world->answer_usec == USEC_NEVER) {
                world_expect_answer(world); /* to what is in flight already */
        }
        return true;
}

/* ---- lines ---- */

static bool play_event(struct player *player, const char *word)
{
        struct world *world = &player->world;
        struct refresh_outcome outcome;
        uint64_t length;

        if (streq(word, "expect")) {
                return player_expect(player);
        } else if (streq(word, "keys")) {
                return event_keys(player);
        } else if (streq(word, "upstream")) {
                return event_upstream(player);
        } else if (streq(word, "refuse") || streq(word, "accept")) {
                return event_refuse(player, word[0] == 'r');
        } else if (streq(word, "answer")) {
                return event_answer_key(player);
        } else if (streq(word, "demand")) {
                return player_demand(player);
        } else if (streq(word, "report")) {
                return player_report(player);
        } else if (streq(word, "storm")) {
                return player_storm(player);
        } else if (streq(word, "operator")) {
                char *rest = next_word(&player->script);
                if (rest && !streq(rest, "new-account")) {
                        return complain(&player->script, "expected \"new-account\", found \"%s\"", rest);
                }
                player->verdict = model_operator(&world->model, rest != NULL);
                world_after_event(world);
                return true;
        } else if (streq(word, "move")) {
                world_move(world);
                return true;
        } else if (streq(word, "store")) {
                return player_store(player);
        } else if (streq(word, "claim")) {
                return player_claim(player);
        } else if (streq(word, "mark")) {
                player->n_claims = 0;
                player->mark_usec = world->model.now_usec;
                return true;
        } else if (streq(word, "suspend")) {
                if (!read_duration(&player->script, next_word(&player->script), &length)) {
                        return false;
                }
                world_sleep_until(world, world->model.now_usec + length);
                return true;
        } else if (streq(word, "restart")) {
                if (!read_duration(&player->script, next_word(&player->script), &length)) {
                        return false;
                }
                world_restart(world, length, /* through_text= */ true);
                return true;
        } else if (read_answer(player, word, &outcome)) {
                return event_answer(player, &outcome);
        }
        return player->script.failed || complain(&player->script, "there is no event \"%s\"", word);
}

static bool promises_hold(struct player *player)
{
        const char *broken = player->world.model.broken;
        return !broken || complain(&player->script, "a promise was broken: %s", broken);
}

static bool play_line(struct player *player, char *line)
{
        uint64_t now = player->world.model.now_usec - EPOCH_USEC, then = now;

        line[strcspn(line, "#\r\n")] = '\0';
        player->script.rest = line;
        char *word = next_word(&player->script);
        if (!word) {
                return true;
        }
        if (word[0] == '+' || (word[0] >= '0' && word[0] <= '9')) {
                if (!read_time(&player->script, word, now, &then)) {
                        return false;
                }
                if (then < now) {
                        return complain(&player->script, "time runs backwards");
                }
                word = next_word(&player->script);
        }
        world_run_until(&player->world, then + EPOCH_USEC);
        if (!promises_hold(player) || (word && !play_event(player, word)) || !promises_hold(player)) {
                return false;
        }
        return !next_word(&player->script) ||
               complain(&player->script, "there is more on the line than was understood");
}

static bool play_file(const char *path, uint64_t seed, uint64_t fixed_random, unsigned *ret_n_expectations)
{
        static struct player player;
        char line[512];
        FILE *file = fopen(path, "re");

        if (!file) {
                fprintf(stderr, "%s: %s\n", path, strerror(errno));
                return false;
        }
        player = (struct player){ .script = { .file = path }, .mark_usec = 0 };
        world_init(&player.world, seed, getenv("PLAYER_TRACE") ? stdout : NULL);
        player.world.fixed_random = fixed_random;
        player.world.context = &player;
        player.world.observer = observe;
        while (!player.script.failed && fgets(line, sizeof(line), file)) {
                player.script.line++;
                (void)play_line(&player, line);
        }
        (void)fclose(file);
        world_clear(&player.world);
        if (!player.script.failed && player.n_expectations == 0) {
                (void)complain(&player.script, "nothing is expected in this file");
        }
        if (player.script.failed) {
                return false;
        }
        *ret_n_expectations = player.n_expectations;
        return true;
}

int main(int argc, char **argv)
{
        static const struct {
                const char *name;
                uint64_t seed, fixed_random;
        } jitters[] = { { "the lowest", 1, 0 },
                        { "the highest", 1, UINT32_MAX },
                        { "seed 1", 1, RANDOM_SEEDED },
                        { "seed 2", 2, RANDOM_SEEDED },
                        { "seed 3", 3, RANDOM_SEEDED } };
        int result = EXIT_SUCCESS;

        if (argc < 2) {
                fputs("usage: player FILE...\n", stderr);
                return 2;
        }
        for (int i = 1; i < argc; i++) {
                unsigned n_expectations = 0;
                size_t k = 0;

                while (k < ARRAY_SIZE(jitters) &&
                       play_file(argv[i], jitters[k].seed, jitters[k].fixed_random, &n_expectations)) {
                        k++;
                }
                if (k < ARRAY_SIZE(jitters)) {
                        fprintf(stderr, "    (with jitter: %s)\n", jitters[k].name);
                        result = EXIT_FAILURE;
                } else {
                        printf("%s: %u expectations hold, with each of %zu jitters\n", argv[i],
                               n_expectations, k);
                }
        }
        return result;
}

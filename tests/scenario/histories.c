/* Random histories of one refresh machine: whatever happens, in whatever order, the promises hold.
 *
 * A history is some hours or days of life: moods of the upstream, key files changed, replaced, removed and
 * written again, callers that demand and report, operators, nights of sleep, restarts, another upstream.
 * Every event passes through the model, which checks the promises that model.h lists: no expired token, one
 * exchange at a time, floor, budget, Retry-After, rests, always another attempt, a living token stays, the
 * refresh point inside the lifetime, trial before trust, the callers' share, truthful verdicts. Then, at the
 * end of each history:
 *
 *   recovery    from some moment on the upstream grants every exchange. The answer still in flight may be
 *               bad (it comes within 20 s). From its arrival on, a token lives by model_recovered_by() plus
 *               the time of one answer; and from then on for six hours a token lives at every event.
 *
 * With --outage-figures: what a fleet does in an outage of 24 hours, and the time to its token afterwards.
 *
 * History n of seed s is always the same one: `--seed s --first n --count 1 --trace` shows it. */
#include "tests/scenario/outage.h"
#include "tests/scenario/restart.h"
#include "tests/scenario/world.h"

#include "lib/util.h"

#include <argp.h>
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <time.h>

#define ANSWER_USEC        (200 * USEC_PER_MSEC)
#define EXCHANGE_LIMIT_SEC 20
#define SERIALS_PER_FILE   80
#define LAST_SERIAL        (MODEL_KEYS_MAX - 1)

static_assert(1 + SERIALS_PER_FILE * KEYS_PER_ENVIRONMENT_MAX < LAST_SERIAL,
              "a serial would be taken twice");

enum mood {
        MOOD_GOOD,
        MOOD_DOWN,
        MOOD_SLUGGISH,
        MOOD_THROTTLING,
        MOOD_REFUSING,
        MOOD_BROKEN,
        MOOD_MIXED,
        _MOOD_COUNT,
};

struct history {
        struct world world;
        enum mood mood;
        bool callers_storm;
        unsigned pace;         /* steps of time are up to about 2^pace milliseconds */
        uint32_t lifetime_sec; /* what the upstream mostly grants */
        uint64_t n_contents;
};

static uint64_t below(struct world *world, uint64_t limit)
{
        return world_random(world) % limit;
}

/* Between one millisecond and about 2^n milliseconds, every magnitude equally likely. */
static uint64_t some_usec(struct world *world, unsigned n)
{
        uint64_t span = UINT64_C(1) << below(world, n);
        return (span + below(world, span)) * USEC_PER_MSEC;
}

static uint32_t some_lifetime_sec(struct world *world)
{
        static const uint32_t usual[] = { 1, 2, 60, 300, 3600, 7200, 7200, 7200, 86400, 604800 };
        uint64_t i = below(world, ARRAY_SIZE(usual) + 1);
        return i < ARRAY_SIZE(usual) ? usual[i] : (uint32_t)(1 + below(world, LIFETIME_MAX_SEC));
}

static enum exchange_outcome outcome_in_mood(struct world *world, enum mood mood)
{
        if (mood == MOOD_MIXED || below(world, 10) == 0) {
                return (enum exchange_outcome)below(world, _EXCHANGE_OUTCOME_COUNT);
        }
        switch (mood) {
        case MOOD_DOWN:
                return EXCHANGE_UNAVAILABLE;
        case MOOD_THROTTLING:
                return EXCHANGE_THROTTLED;
        case MOOD_REFUSING:
                return EXCHANGE_KEY_REFUSED;
        case MOOD_BROKEN:
                return below(world, 2) ? EXCHANGE_MALFORMED : EXCHANGE_REQUEST_REFUSED;
        default:
                return EXCHANGE_GRANTED;
        }
}

static struct answer moody_upstream(struct world *world)
{
        struct history *history = world->context;
        static const uint32_t patience[] = { RETRY_AFTER_NONE, 0, 1, 30, 3600, UINT32_MAX - 1 };
        struct answer answer = { .after_usec = some_usec(world, 10) };

        answer.outcome.outcome = outcome_in_mood(world, history->mood);
        answer.outcome.lifetime_sec = below(world, 10) ? history->lifetime_sec : some_lifetime_sec(world);
        answer.outcome.retry_after_sec = patience[below(world, ARRAY_SIZE(patience))];
        if (history->mood == MOOD_SLUGGISH) {
                answer.after_usec = below(world, EXCHANGE_LIMIT_SEC * USEC_PER_SEC);
        }
        return answer;
}

static struct answer good_upstream(struct world *world)
{
        return (struct answer){ .outcome = { .outcome = EXCHANGE_GRANTED, .lifetime_sec = 7200 },
                                .after_usec = ANSWER_USEC };
}

/* ---- what happens ---- */

/* A content for the i-th file: mostly a new one, at times one that it held before (an undone edit). A serial
 * never moves to another file. */
static uint64_t some_serial(struct history *history, size_t i, bool *ret_rewritten)
{
        uint64_t round = history->n_contents++;

        *ret_rewritten = round > 0 && below(&history->world, 4) == 0;
        if (*ret_rewritten) {
                round = below(&history->world, round);
        }
        return 1 + (round % SERIALS_PER_FILE) * KEYS_PER_ENVIRONMENT_MAX + i;
}

/* Changes one of three files: replaced, removed, written again. */
static void change_keys(struct history *history)
{
        static const char *const labels[KEYS_PER_ENVIRONMENT_MAX] = { "1-main", "2-spare", "3-more" };
        struct model *model = &history->world.model;
        struct key_name names[KEYS_PER_ENVIRONMENT_MAX] = { 0 };
        size_t n = 0, touched = below(&history->world, KEYS_PER_ENVIRONMENT_MAX);

        for (size_t i = 0; i < KEYS_PER_ENVIRONMENT_MAX; i++) {
                const struct key_name *old = NULL;
                for (size_t k = 0; k < model->n_files; k++) {
                        old = streq(model->files[k].label, labels[i]) ? &model->files[k] : old;
                }
                uint64_t what = i == touched ? below(&history->world, 4) : 3;
                if (what == 2 || (what == 3 && !old)) {
                        continue; /* gone, or still not there */
                }
                if (what == 1 || what == 3) {
                        names[n].serial = old ? old->serial : 0;
                        names[n].rewritten = what == 1;
                }
                if (names[n].serial == 0) {
                        names[n].serial = some_serial(history, i, &names[n].rewritten);
                }
                memcpy(names[n++].label, labels[i], strlen(labels[i]) + 1);
        }
        model_keys(model, names, n);
}

static void call(struct history *history)
{
        static const uint32_t wishes[] = { 0, 1, 60, 290, 3000, 6000, 7100, 7199, 7200, UINT32_MAX };
        struct world *world = &history->world;

        if (below(world, 3) == 0) {
                (void)model_report(&world->model, world->model.token_serial - (below(world, 5) == 0));
        } else {
                (void)model_demand(&world->model, wishes[below(world, ARRAY_SIZE(wishes))]);
        }
}

static void one_event(struct history *history)
{
        struct world *world = &history->world;

        world_run_until(world, world->model.now_usec +
                                       some_usec(world, history->callers_storm ? 14 : history->pace));
        switch (below(world, history->callers_storm ? 64 : 16)) {
        case 0:
                history->mood = (enum mood)below(world, _MOOD_COUNT);
                return;
        case 1:
                change_keys(history);
                break;
        case 2:
                (void)model_operator(&world->model);
                break;
        case 3:
                world_sleep_until(world, world->model.now_usec + some_usec(world, 28));
                return;
        case 4:
                model_timer(&world->model); /* too early: it does no harm */
                break;
        case 5:
                history->callers_storm = !history->callers_storm;
                return;
        case 6:
                world_restart(world, some_usec(world, 20), /* through_text= */ below(world, 32) == 0);
                return;
        case 7:
                if (below(world, 8) == 0) {
                        world_move(world);
                        return;
                }
                call(history);
                break;
        default:
                call(history);
                break;
        }
        world_after_event(world);
}

/* ---- the end: recovery ---- */

static void demand_token(struct world *world)
{
        struct model *model = &world->model;
        if (!model_token_lives(model) && !model->broken) {
                model->broken = "recovery: no token lives though the upstream grants again";
        }
}

static void recover(struct history *history)
{
        struct world *world = &history->world;
        struct model *model = &world->model;

        world->upstream = good_upstream;
        if (model->in_flight) {
                world_run_until(world, world->answer_usec);
        }
        if (model->n_files == 0) {
                struct key_name name = { .serial = LAST_SERIAL, .label = "1-main" };
                model_keys(model, &name, 1);
                world_after_event(world);
        }
        world_run_until(world, model_recovered_by(model) + ANSWER_USEC);
        demand_token(world);
        world->observer = demand_token;
        world_run_until(world, model->now_usec + 6 * USEC_PER_HOUR);
}

static const char *play(struct history *history, uint64_t seed, uint64_t number, FILE *trace)
{
        struct world *world = &history->world;
        unsigned n_events;

        *history = (struct history){ 0 };
        world_init(world, seed ^ (number + 1) * UINT64_C(0xda942042e4dd58b5), trace);
        world->context = history;
        world->upstream = moody_upstream;
        history->mood = (enum mood)below(world, _MOOD_COUNT);
        history->pace = 10 + (unsigned)below(world, 16);
        history->lifetime_sec = some_lifetime_sec(world);
        n_events = 20 + (unsigned)below(world, 500);
        for (uint64_t i = below(world, 4); i <= 3; i++) {
                change_keys(history);
                world_after_event(world);
        }
        for (unsigned i = 0; i < n_events && !world->model.broken; i++) {
                one_event(history);
        }
        if (!world->model.broken) {
                recover(history);
        }
        return world->model.broken;
}

/* ---- the command line ---- */

struct options {
        uint64_t seed, first, count;
        bool trace, outage_figures;
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
        struct options *options = state->input;
        uint64_t *number = key == 's' ? &options->seed : key == 'f' ? &options->first : &options->count;
        char *end;

        switch (key) {
        case 's':
        case 'f':
        case 'n':
                errno = 0;
                *number = strtoull(argument, &end, 0);
                if (errno != 0 || end == argument || *end != '\0') {
                        argp_error(state, "not a number: %s", argument);
                }
                return 0;
        case 't':
                options->trace = true;
                return 0;
        case 'o':
                options->outage_figures = true;
                return 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

static int play_all(const struct options *options)
{
        static struct history history;

        printf("seed %" PRIu64 ", %" PRIu64 " histories\n", options->seed, options->count);
        for (uint64_t i = options->first; i < options->first + options->count; i++) {
                const char *broken = play(&history, options->seed, i, options->trace ? stdout : NULL);
                if (broken) {
                        printf("history %" PRIu64 " of seed %" PRIu64 " broke a promise: %s\n", i,
                               options->seed, broken);
                        (void)play(&history, options->seed, i, stdout);
                        return EXIT_FAILURE;
                }
        }
        puts("all promises held");
        return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
        static const struct argp_option rows[] = {
                { "seed", 's', "N", 0, "random seed; default: from the clock", 0 },
                { "count", 'n', "N", 0, "how many histories; default 100000", 0 },
                { "first", 'f', "N", 0, "number of the first history; default 0", 0 },
                { "trace", 't', NULL, 0, "print every event", 0 },
                { "outage-figures", 'o', NULL, 0, "a fleet in an outage of 24 hours", 0 },
                { NULL, 0, NULL, 0, NULL, 0 },
        };
        static const struct argp argp = { .options = rows,
                                          .parser = parse_option,
                                          .doc = "Random histories of the refresh machine." };
        struct options options = { .seed = (uint64_t)time(NULL), .count = 100000 };

        if (argp_parse(&argp, argc, argv, 0, NULL, &options) != 0) {
                return EXIT_FAILURE;
        }
        return options.outage_figures ? outage_figures(options.seed) : play_all(&options);
}

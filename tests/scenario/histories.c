/* Random histories of one refresh machine: whatever happens, in whatever order, the promises hold.
 *
 * A history is some hours or days of life: moods of the upstream and of each key, key files changed,
 * replaced, removed and written again, callers that demand and report, operators, nights of sleep, restarts,
 * another upstream. Every event passes through the model, which checks the promises that model.h lists, and
 * compares the machine with the reference; history.h lists those that need the history to be judged. At the
 * end of each one key works, and a token has to be back in time.
 *
 * With --store: brokers with the same key share their token, and the store may say anything at all.
 *
 * With --outage-figures: a fleet's exchanges in an outage of 24 hours, and the time to its token afterwards.
 *
 * History n of seed s is always the same one: `--seed s --first n --count 1 --trace` shows it. */
#include "lib/util.h"
#include "tests/scenario/history.h"
#include "tests/scenario/outage.h"
#include "tests/scenario/restart.h"

#include <argp.h>
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <time.h>

static_assert(1 + SERIALS_PER_FILE * KEYS_PER_ENVIRONMENT_MAX < LAST_SERIAL,
              "a serial would be taken twice");

/* ---- what happens ---- */

/* A content for the i-th file: mostly a new one, at times one that it held before (an undone edit). A serial
 * never moves to another file. */
/* Without optimisation each takes ten times as long. */
#ifdef __OPTIMIZE__
#define HISTORIES 100000
#else
#define HISTORIES 10000
#endif

static uint64_t some_serial(struct history *history, size_t i, bool *ret_rewritten)
{
        uint64_t round = history->n_contents++;

        *ret_rewritten = round > 0 && below(&history->world, 4) == 0;
        if (*ret_rewritten) {
                round = below(&history->world, round);
        }
        return 1 + (round % SERIALS_PER_FILE) * KEYS_PER_ENVIRONMENT_MAX + i;
}

static enum key_mood some_key_mood(struct world *world)
{
        return below(world, 2) ? KEY_GRANTED : (enum key_mood)below(world, _KEY_MOOD_COUNT);
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
                        change_key_mood(history, names[n].serial, some_key_mood(&history->world));
                }
                memcpy(names[n++].label, labels[i], strlen(labels[i]) + 1);
        }
        model_keys(model, names, n);
        note_disturbance(history);
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

static enum mood some_mood(struct world *world)
{
        return below(world, 2) ? MOOD_GOOD : (enum mood)below(world, _MOOD_COUNT);
}

static void change_store(struct history *history)
{
        struct world *world = &history->world;

        if (below(world, 16) == 0) {
                history->store_mood = (enum store_mood)below(world, _STORE_MOOD_COUNT);
        }
        if (below(world, 64) == 0) {
                model_use_store(&world->model, !world->model.reference.store);
        }
}

static void one_event(struct history *history)
{
        struct world *world = &history->world;

        if (history->with_store) {
                change_store(history);
        }
        world_run_until(world, world->model.now_usec +
                                       some_usec(world, history->callers_storm ? 14 : history->pace));
        switch (below(world, history->callers_storm ? 64 : 16)) {
        case 0:
                change_mood(history, some_mood(world));
                return;
        case 1:
                change_keys(history);
                break;
        case 2:
                (void)model_operator(&world->model, below(world, 8) == 0);
                break;
        case 3:
                history->calm_since_usec = USEC_NEVER;
                world_sleep_until(world, world->model.now_usec + some_usec(world, 28));
                history->calm_since_usec = world->model.now_usec;
                return;
        case 4:
                model_timer(&world->model); /* too early: it does no harm */
                break;
        case 5:
                history->callers_storm = !history->callers_storm;
                return;
        case 6:
                history->calm_since_usec = USEC_NEVER;
                world_restart(world, some_usec(world, 20), /* through_text= */ below(world, 32) == 0);
                history->calm_since_usec = world->model.now_usec;
                note_disturbance(history);
                return;
        case 7:
                if (below(world, 8) == 0) {
                        history->calm_since_usec = USEC_NEVER;
                        world_move(world);
                        history->calm_since_usec = world->model.now_usec;
                        note_disturbance(history);
                        return;
                }
                call(history);
                break;
        case 8:
                if (world->model.n_files > 0) {
                        change_key_mood(history,
                                        world->model.files[below(world, world->model.n_files)].serial,
                                        some_key_mood(world));
                }
                return;
        default:
                call(history);
                break;
        }
        world_after_event(world);
}

static const char *play(struct history *history, uint64_t seed, uint64_t number, bool with_store,
                        FILE *trace)
{
        struct world *world = &history->world;
        unsigned n_events;

        *history = (struct history){ 0 };
        world_init(world, seed ^ (number + 1) * UINT64_C(0xda942042e4dd58b5), trace);
        world->context = history;
        world->upstream = moody_upstream;
        world->observer = watch_goals;
        for (size_t i = 0; i < MODEL_KEYS_MAX; i++) {
                history->good_since_usec[i] = history->there_since_usec[i] = USEC_NEVER;
        }
        if (with_store) {
                history->with_store = true;
                history->store_mood = (enum store_mood)below(world, _STORE_MOOD_COUNT);
                world->store = moody_store;
                model_use_store(&world->model, true);
        }
        change_mood(history, some_mood(world));
        history->pace = 10 + (unsigned)below(world, 16);
        history->lifetime_sec = some_lifetime_sec(world);
        history->limit_sec = below(world, 4) ? 20 : 50; /* of which a trial may hang */
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
        world_clear(world);
        return world->model.broken;
}

/* ---- the command line ---- */

struct options {
        uint64_t seed, first, count;
        bool trace, outage_figures, with_store;
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
        case 'S':
                options->with_store = true;
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
                const char *broken = play(&history, options->seed, i, options->with_store,
                                          options->trace ? stdout : NULL);
                if (broken) {
                        broken = play(&history, options->seed, i, options->with_store, stdout);
                        printf("history %" PRIu64 " of seed %" PRIu64 " broke a promise: %s\n", i,
                               options->seed, broken);
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
                { "count", 'n', "N", 0,
                  "how many histories; default 100000, with a store or without optimisation a tenth", 0 },
                { "first", 'f', "N", 0, "number of the first history; default 0", 0 },
                { "trace", 't', NULL, 0, "print every event", 0 },
                { "store", 'S', NULL, 0, "with a store that others share", 0 },
                { "outage-figures", 'o', NULL, 0, "a fleet in an outage of 24 hours", 0 },
                { NULL, 0, NULL, 0, NULL, 0 },
        };
        static const struct argp argp = { .options = rows,
                                          .parser = parse_option,
                                          .doc = "Random histories of the refresh machine." };
        struct options options = { .seed = (uint64_t)time(NULL) };

        if (argp_parse(&argp, argc, argv, 0, NULL, &options) != 0) {
                return EXIT_FAILURE;
        }
        if (options.count == 0) {
                options.count = options.with_store ? HISTORIES / 10 : HISTORIES;
        }
        return options.outage_figures ? outage_figures(options.seed) : play_all(&options);
}

/* The load of a fleet of brokers on an upstream that is down for 24 hours.
 *
 * Each broker of the fleet is a world of its own; they share the outage. Either
 * they started at any time in the two hours before and hold tokens ("warm"), or they all start in it
 * ("cold"). The upstream's answer meanwhile is the row's: 503 or no connection at once; nothing, so that
 * every exchange takes its whole time-out; a 403 or 400, as a content network's page; a 200 that is no
 * grant; 401 to all keys, after an hour of which a broker asks four times an hour. */
#include "tests/scenario/outage.h"

#include "lib/util.h"
#include "tests/scenario/world.h"

#include <inttypes.h>

#define N_BROKERS     1500
#define OUTAGE_BEGIN  (3 * USEC_PER_HOUR)
#define OUTAGE_END    (OUTAGE_BEGIN + 24 * USEC_PER_HOUR)
#define TIME_OUT_USEC (20 * USEC_PER_SEC)
#define ANSWER_USEC   (200 * USEC_PER_MSEC)
#define AFTER_SEC     1000 /* how long the fleet is watched after the end */

struct row {
        const char *answer;
        enum exchange_outcome outcome;
        uint64_t after_usec;
        size_t n_keys;
        unsigned goal_sec; /* a token so soon after the end */
};

struct fleet {
        const struct row *row;
        bool cold;
        unsigned per_second[AFTER_SEC]; /* exchanges of the whole fleet after the end */
        unsigned max_per_hour;          /* of one broker */
        uint64_t n_sent;                /* of the whole fleet in the outage */
        uint64_t to_token_usec[N_BROKERS];
        size_t n_brokers;
};

/* One broker of the fleet: when it sent, as a ring that is longer than any hour's exchanges. */
struct broker {
        struct world world;
        struct fleet *fleet;
        uint64_t sent_usec[256];
        size_t n_sent;
        uint64_t token_usec; /* first moment with a token after the end */
};

static struct answer upstream(struct world *world)
{
        struct broker *broker = world->context;
        uint64_t now = world->model.now_usec;

        if (now < OUTAGE_BEGIN || now >= OUTAGE_END) {
                return (struct answer){ .outcome = { .outcome = EXCHANGE_GRANTED, .lifetime_sec = 7200 },
                                        .after_usec = ANSWER_USEC };
        }
        return (struct answer){ .outcome = { .outcome = broker->fleet->row->outcome,
                                             .retry_after_sec = RETRY_AFTER_NONE },
                                .after_usec = broker->fleet->row->after_usec };
}

static void observe(struct world *world)
{
        struct broker *broker = world->context;
        struct fleet *fleet = broker->fleet;
        uint64_t now = world->model.now_usec;

        if (world->model.step.exchange) {
                unsigned in_hour = 1;
                for (size_t i = 0; i < MIN_OF(broker->n_sent, ARRAY_SIZE(broker->sent_usec)); i++) {
                        in_hour += broker->sent_usec[i] + USEC_PER_HOUR > now;
                }
                broker->sent_usec[broker->n_sent++ % ARRAY_SIZE(broker->sent_usec)] = now;
                fleet->max_per_hour = MAX_OF(fleet->max_per_hour, in_hour);
                fleet->n_sent += now >= OUTAGE_BEGIN && now < OUTAGE_END;
                if (now >= OUTAGE_END && now < OUTAGE_END + AFTER_SEC * USEC_PER_SEC) {
                        fleet->per_second[(now - OUTAGE_END) / USEC_PER_SEC]++;
                }
        }
        if (broker->token_usec == 0 && now >= OUTAGE_END && model_token_lives(&world->model)) {
                broker->token_usec = now;
        }
}

static const char *live(struct fleet *fleet, uint64_t seed)
{
        static struct broker broker;
        static const struct key_name names[] = { { .serial = 1, .label = "1-main" },
                                                 { .serial = 2, .label = "2-spare" },
                                                 { .serial = 3, .label = "3-more" } };
        struct model *model = &broker.world.model;

        broker = (struct broker){ .fleet = fleet };
        world_init(&broker.world, seed, NULL);
        broker.world.upstream = upstream;
        broker.world.observer = observe;
        broker.world.context = &broker;
        uint64_t spread = world_random(&broker.world) % (2 * USEC_PER_HOUR);
        model->now_usec = fleet->cold ? OUTAGE_BEGIN + USEC_PER_SEC : USEC_PER_SEC + spread;
        model_keys(model, names, fleet->row->n_keys);
        world_after_event(&broker.world);
        world_run_until(&broker.world, OUTAGE_END + AFTER_SEC * USEC_PER_SEC);
        world_clear(&broker.world);
        fleet->to_token_usec[fleet->n_brokers++] =
                broker.token_usec ? broker.token_usec - OUTAGE_END : USEC_NEVER;
        return model->broken;
}

static int compare(const void *a, const void *b)
{
        uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
        return (x > y) - (x < y);
}

static int figures(const struct row *row, bool cold, uint64_t seed)
{
        static struct fleet fleet;
        unsigned peak = 0;

        fleet = (struct fleet){ .row = row, .cold = cold };
        for (uint64_t i = 0; i < N_BROKERS; i++) {
                const char *broken = live(&fleet, seed * N_BROKERS + i);
                if (broken) {
                        printf("broker %" PRIu64 " of seed %" PRIu64 ": %s\n", i, seed, broken);
                        return EXIT_FAILURE;
                }
        }
        for (size_t i = 0; i < AFTER_SEC; i++) {
                peak = MAX_OF(peak, fleet.per_second[i]);
        }
        qsort(fleet.to_token_usec, N_BROKERS, sizeof(fleet.to_token_usec[0]), compare);
        double max_sec = (double)fleet.to_token_usec[N_BROKERS - 1] / 1e6;
        bool met = fleet.max_per_hour <= REFRESH_HOURLY_BUDGET && max_sec <= row->goal_sec;
        printf("  %-11s %4zu  %-5s %4u %7.1f %9.1f s %7.1f s %7.1f s %7u s %9.2f %%%s\n", row->answer,
               row->n_keys, cold ? "cold" : "warm", fleet.max_per_hour,
               (double)fleet.n_sent / N_BROKERS / 24, (double)fleet.to_token_usec[N_BROKERS / 2] / 1e6,
               (double)fleet.to_token_usec[N_BROKERS / 100 * 99] / 1e6, max_sec, row->goal_sec,
               100.0 * peak / N_BROKERS, met ? "" : "  MISSED");
        return met ? EXIT_SUCCESS : EXIT_FAILURE;
}

int outage_figures(uint64_t seed)
{
        static const struct row rows[] = {
                { "503", EXCHANGE_UNAVAILABLE, 20 * USEC_PER_MSEC, 1, 120 },
                { "silence", EXCHANGE_UNAVAILABLE, TIME_OUT_USEC, 1, 120 },
                { "403, 400", EXCHANGE_REQUEST_REFUSED, ANSWER_USEC, 1, 120 },
                { "403, 400", EXCHANGE_REQUEST_REFUSED, ANSWER_USEC, 3, 120 },
                { "nonsense", EXCHANGE_MALFORMED, ANSWER_USEC, 1, 120 },
                { "401", EXCHANGE_KEY_REFUSED, ANSWER_USEC, 1, 900 },
                { "401", EXCHANGE_KEY_REFUSED, ANSWER_USEC, 3, 900 },
        };
        int result = EXIT_SUCCESS;

        printf("seed %" PRIu64 ", %d brokers, an outage of 24 h in virtual time\n", seed, N_BROKERS);
        puts("                           exchanges/hour  time to token after the end           busiest "
             "second");
        puts("  answer      keys  start  max    mean      median      99 %       max      goal  of the "
             "fleet");
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                for (int cold = 0; cold <= 1; cold++) {
                        if (figures(&rows[i], cold, seed) != EXIT_SUCCESS) {
                                result = EXIT_FAILURE;
                        }
                }
        }
        puts(result == EXIT_SUCCESS ? "goals met" : "goals missed");
        return result;
}

/* A fleet of brokers with one access key, one upstream, and a store that they share, in virtual time.
 *
 * Every broker is a refresh machine as it is shipped; store.c has the keeper's part. Each story is told with
 * the store and, for comparison, without one. In each the fleet starts over two hours unless it says
 * otherwise, and the event comes when the token in the store is at its refresh point, after four hours: that
 * is the worst moment.
 *
 * Stories:
 *   peace     nothing happens
 *   start     all start within one second
 *   crowd     the same, but the store serves a tenth of them a second
 *   night     all start within one second, and find a token with 85 % of its life over
 *   dawn      the same, with 95 %
 *   hour      the upstream refuses connections for 1 h
 *   long      the same for 90 min
 *   silent    the upstream does not answer for 1 h
 *   late      all but a hundredth start within a second in the outage of 1 h
 *   nothing   all start within a second in an outage of 5 min: nobody has a token
 *   rejected  the upstream refuses all tokens from now on, and callers report them within 5 s
 *   down      the store is down for 2 h
 *   mute      the store does not answer for 2 h
 *   failover  the store is away for 15 s, and has the token of before again
 *   liar      for 2 h the store makes leases up and replays old tokens */
#include "tests/fleet/shared.h"

#include <argp.h>
#include <errno.h>
#include <inttypes.h>

static const struct story stories[] = {
        { "peace", .goal_sent = 3, .goal_without = true },
        { "start", .start = true, .goal_sent = 3, .goal_first_usec = USEC_PER_SEC, .goal_without = true },
        { "crowd", .start = true, .served = 10, .goal_sent = ANY, .goal_without = true },
        { "night", .start = true, .left_behind = 85, .goal_sent = 3, .goal_first_usec = USEC_PER_SEC,
          .goal_without = true },
        { "dawn", .start = true, .left_behind = 95, .goal_sent = 3, .goal_first_usec = USEC_PER_SEC,
          .goal_without = true },
        { "hour", .outage_usec = USEC_PER_HOUR, .goal_sent = 100, .goal_without = true },
        { "long", .outage_usec = 90 * USEC_PER_MIN, .goal_sent = 100 },
        { "silent", .outage_usec = USEC_PER_HOUR, .silent = true, .goal_sent = 100, .goal_without = true },
        { "late", .outage_usec = USEC_PER_HOUR, .start = true, .but = 100, .goal_sent = ANY,
          .goal_first_usec = USEC_PER_SEC, .goal_without = true },
        { "nothing", .outage_usec = 5 * USEC_PER_MIN, .start = true, .goal_sent = ANY, .goal_busiest = 5 },
        { "rejected", .rejected = true, .goal_sent = 5, .goal_without = true },
        { "down", .store = STORE_DOWN, .store_usec = 2 * USEC_PER_HOUR, .goal_sent = ANY,
          .goal_without = true },
        { "mute", .store = STORE_SILENT, .store_usec = 2 * USEC_PER_HOUR, .goal_sent = ANY,
          .goal_without = true },
        { "failover", .store = STORE_DOWN, .store_usec = 15 * USEC_PER_SEC, .rolls_back = true,
          .goal_sent = ANY, .goal_without = true },
        { "liar", .store = STORE_LYING, .store_usec = 2 * USEC_PER_HOUR, .goal_sent = ANY,
          .goal_without = true },
};

/* ---- the telling ---- */

static uint32_t most(const uint32_t *seconds, uint64_t from_usec, uint64_t to_usec, uint64_t *ret_sum)
{
        uint32_t peak = 0;

        *ret_sum = 0;
        for (size_t i = second_of(from_usec); i < second_of(to_usec); i++) {
                peak = MAX_OF(peak, seconds[i]);
                *ret_sum += seconds[i];
        }
        return peak;
}

static void note_those_without(struct fleet *fleet)
{
        for (uint32_t i = 0; i < fleet->n; i++) {
                const struct broker *broker = &fleet->brokers[i];
                if (broker->lost_usec != USEC_NEVER) {
                        uint64_t *slowest = broker->late ? &fleet->slowest_usec : &fleet->without_usec;
                        *slowest = MAX_OF(*slowest, fleet->now_usec - broker->lost_usec);
                }
        }
}

/* False: a goal is missed. Without a store there are none but that no token outlives its end. */
static bool tell(struct fleet *fleet)
{
        const struct story *story = fleet->story;
        uint64_t event = fleet->event_usec == USEC_NEVER ? EVENT : fleet->event_usec;
        uint64_t hour, claims, second = USEC_PER_SEC, later;
        uint32_t busiest = most(fleet->sent, event, event + USEC_PER_HOUR, &hour);
        uint32_t asked = most(fleet->claimed, event, event + USEC_PER_HOUR, &claims);

        note_those_without(fleet);
        (void)most(fleet->sent, event + 2 * USEC_PER_HOUR, event + 3 * USEC_PER_HOUR, &later);
        bool good = !fleet->wrong;
        if (fleet->shared) {
                good = good && (story->goal_sent == ANY || hour <= story->goal_sent);
                good = good && busiest * story->goal_busiest <= fleet->n;
                good = good &&
                       (story->goal_first_usec == 0 || fleet->slowest_usec <= story->goal_first_usec);
                good = good && !(story->goal_without && fleet->n_without > 0);
        }
        printf("  %-9s %-5s %9" PRIu64 " %8" PRIu32 " %9" PRIu64 " %9" PRIu64 " %8" PRIu32 " %8.1f s",
               story->name, fleet->shared ? "store" : "none", hour, busiest, later, claims, asked,
               (double)fleet->slowest_usec / (double)second);
        printf(" %8" PRIu32 " %6.0f s%s%s\n", fleet->n_without, (double)fleet->without_usec / (double)second,
               fleet->wrong ? "  AN EXPIRED TOKEN" : "", good ? "" : "  MISSED");
        return good;
}

static int write_curve(const struct fleet *fleet, const char *directory)
{
        char path[4096];

        (void)snprintf(path, sizeof(path), "%s/shared-%s-%s.tsv", directory, fleet->story->name,
                       fleet->shared ? "store" : "none");
        FILE *file = fopen(path, "w");
        if (!file) {
                return -errno;
        }
        uint64_t event = fleet->event_usec == USEC_NEVER ? EVENT : fleet->event_usec;
        (void)fputs("# minutes after the event\texchanges\tclaims, per second\n", file);
        for (size_t i = 0; i + BIN_SEC <= N_SECONDS; i += BIN_SEC) {
                uint64_t sent = 0, claimed = 0;
                for (size_t k = i; k < i + BIN_SEC; k++) {
                        sent += fleet->sent[k];
                        claimed += fleet->claimed[k];
                }
                (void)fprintf(file, "%.3f\t%.1f\t%.1f\n", ((double)i - (double)event / 1e6) / 60,
                              (double)sent / BIN_SEC, (double)claimed / BIN_SEC);
        }
        return fclose(file) == 0 ? 0 : -errno;
}

/* ---- the command line ---- */

struct options {
        uint64_t seed, brokers;
        const char *directory, *story;
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
        struct options *options = state->input;
        uint64_t *number = key == 's' ? &options->seed : &options->brokers;
        char *end;

        switch (key) {
        case 's':
        case 'n':
                errno = 0;
                *number = strtoull(argument, &end, 0);
                if (errno != 0 || end == argument || *end != '\0' || *number > UINT32_MAX || *number == 0) {
                        argp_error(state, "not a number: %s", argument);
                }
                return 0;
        case 'c':
                options->directory = argument;
                return 0;
        case 't':
                options->story = argument;
                return 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

static bool play_story(const struct options *options, const struct story *story, bool shared)
{
        static struct fleet fleet;
        bool good = false;

        fleet = (struct fleet){ .story = story,
                                .shared = shared,
                                .n = (uint32_t)options->brokers,
                                .rate = (uint32_t)MAX_OF(options->brokers / 200, UINT64_C(1)),
                                .event_usec = USEC_NEVER,
                                .random_state = options->seed };
        if (shared_play(&fleet) < 0) {
                fputs("out of memory\n", stderr);
        } else {
                good = tell(&fleet);
                if (options->directory && write_curve(&fleet, options->directory) < 0) {
                        fprintf(stderr, "cannot write to %s\n", options->directory);
                        good = false;
                }
        }
        queue_clear(&fleet.queue);
        free(fleet.brokers);
        return good;
}

int main(int argc, char **argv)
{
        static const struct argp_option rows[] = {
                { "seed", 's', "N", 0, "random seed; default 1", 0 },
                { "brokers", 'n', "N", 0, "how many brokers; default 100000", 0 },
                { "story", 't', "NAME", 0, "only this one", 0 },
                { "curves", 'c', "DIRECTORY", 0, "write the curves, two files a story", 0 },
                { NULL, 0, NULL, 0, NULL, 0 },
        };
        static const struct argp argp = { .options = rows,
                                          .parser = parse_option,
                                          .doc = "A fleet of brokers with one key and one store." };
        struct options options = { .seed = 1, .brokers = 100000 };
        bool good = true;

        if (argp_parse(&argp, argc, argv, 0, NULL, &options) != 0) {
                return EXIT_FAILURE;
        }
        printf("%" PRIu64 " brokers with one key, an upstream that grants %" PRIu64 " a second\n"
               "                   exchanges in 1 h        2 h    claims in 1 h        slowest     without "
               "a "
               "token\n"
               "  story     with      after  busiest     later     after  busiest      start    "
               "brokers longest\n",
               options.brokers, MAX_OF(options.brokers / 200, UINT64_C(1)));
        for (size_t i = 0; i < ARRAY_SIZE(stories); i++) {
                if (!options.story || streq(options.story, stories[i].name)) {
                        good = play_story(&options, &stories[i], /* shared= */ false) && good;
                        good = play_story(&options, &stories[i], /* shared= */ true) && good;
                }
        }
        return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

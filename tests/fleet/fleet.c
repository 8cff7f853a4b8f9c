/* A fleet of brokers and the one upstream that they share, in virtual time.
 *
 * Every broker is a refresh machine as it is shipped. The upstream grants so many exchanges a second and no
 * more; all beyond that, and all of it in an outage, fails. The program looks for the herd: many brokers
 * that ask in the same moment because the same thing happened to them.
 *
 * Stories:
 *   start    all start within one second
 *   outage   they started over a day; the upstream is down for an hour, and comes back
 *   dated    the same, but the upstream answers all the time, with one and the same Retry-After date
 *   silent   the same, but in the outage the upstream never answers: every exchange is a time-out
 *
 * The curve is exchanges per second, for each stretch of BIN_SEC. */
#include "lib/refresh.h"
#include "lib/util.h"
#include "tests/fleet/queue.h"
#include "tests/scenario/random_bits.h"

#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define BIN_SEC       10
#define DAYS          2
#define N_BINS        (DAYS * 24 * 3600 / BIN_SEC)
#define OUTAGE_BEGIN  (26 * USEC_PER_HOUR)
#define OUTAGE_END    (27 * USEC_PER_HOUR)
#define LIFETIME_SEC  7200
#define ANSWER_USEC   (200 * USEC_PER_MSEC)
#define TIME_OUT_USEC (20 * USEC_PER_SEC)
#define RETRY_SEC     100 /* a broker that retries does so every 86 to 115 s */
#define CALM          1.5 /* the busiest stretch may be so many times the mean */

enum story {
        STORY_START,
        STORY_OUTAGE,
        STORY_DATED,
        STORY_SILENT,
        _STORY_COUNT,
};

static const char *const story_names[] = { "start", "outage", "dated", "silent" };

struct broker {
        struct refresh machine;
        bool started, pending;
        struct refresh_outcome outcome; /* of the exchange in flight */
        uint64_t answer_usec;
        uint64_t lost_usec; /* since when it has no token; USEC_NEVER: it has one */
};

struct fleet {
        enum story story;
        uint32_t n, rate;
        uint64_t now_usec, random_state, second, granted_in_second, n_tokens;
        struct broker *brokers;
        struct queue queue;
        uint32_t sent[N_BINS], granted[N_BINS];
        uint64_t without_usec; /* of all brokers together */
        uint32_t n_without;    /* brokers that were without a token at some time after their first */
};

static size_t bin_of(uint64_t usec)
{
        return MIN_OF((size_t)(usec / USEC_PER_SEC / BIN_SEC), (size_t)N_BINS - 1);
}

/* ---- the upstream ---- */

static bool has_room(struct fleet *fleet)
{
        uint64_t second = fleet->now_usec / USEC_PER_SEC;

        if (second != fleet->second) {
                fleet->second = second;
                fleet->granted_in_second = 0;
        }
        return fleet->granted_in_second++ < fleet->rate;
}

static void ask_upstream(struct fleet *fleet, struct broker *broker)
{
        bool down = fleet->story != STORY_START && fleet->now_usec >= OUTAGE_BEGIN &&
                    fleet->now_usec < OUTAGE_END;

        broker->pending = true;
        broker->answer_usec = fleet->now_usec + ANSWER_USEC;
        if (down && fleet->story == STORY_DATED) {
                broker->outcome = (struct refresh_outcome){
                        .outcome = EXCHANGE_THROTTLED,
                        .retry_after_sec = (uint32_t)((OUTAGE_END - fleet->now_usec) / USEC_PER_SEC),
                };
        } else if (down) {
                broker->outcome = (struct refresh_outcome){ .outcome = EXCHANGE_UNAVAILABLE,
                                                            .retry_after_sec = RETRY_AFTER_NONE };
                if (fleet->story == STORY_SILENT) {
                        broker->answer_usec = fleet->now_usec + TIME_OUT_USEC;
                }
        } else if (!has_room(fleet)) {
                broker->outcome = (struct refresh_outcome){ .outcome = EXCHANGE_THROTTLED,
                                                            .retry_after_sec = RETRY_AFTER_NONE };
        } else {
                broker->outcome = (struct refresh_outcome){ .outcome = EXCHANGE_GRANTED,
                                                            .lifetime_sec = LIFETIME_SEC,
                                                            .token_serial = ++fleet->n_tokens };
                fleet->granted[bin_of(fleet->now_usec)]++;
        }
        fleet->sent[bin_of(fleet->now_usec)]++;
}

/* ---- one broker ---- */

static void note_token(struct fleet *fleet, struct broker *broker, const struct refresh_step *step)
{
        if (step->adopted && broker->lost_usec != USEC_NEVER) {
                fleet->without_usec += fleet->now_usec - broker->lost_usec;
                broker->lost_usec = USEC_NEVER;
        } else if (step->expired && !broker->machine.has_token) {
                broker->lost_usec = fleet->now_usec;
                fleet->n_without++;
        }
}

static void live(struct fleet *fleet, uint32_t index)
{
        const struct key_name name = { .serial = 1, .label = "1-main" };
        struct broker *broker = &fleet->brokers[index];
        struct refresh_step step;

        if (!broker->started) {
                broker->started = true;
                broker->lost_usec = USEC_NEVER;
                refresh_init(&broker->machine);
                step = refresh_on_keys(&broker->machine, &name, 1, fleet->now_usec);
        } else if (broker->pending && broker->answer_usec <= fleet->now_usec) {
                broker->pending = false;
                step = refresh_on_outcome(&broker->machine, &broker->outcome, fleet->now_usec,
                                          (uint32_t)random_bits(&fleet->random_state));
        } else {
                step = refresh_on_timer(&broker->machine, fleet->now_usec);
        }
        note_token(fleet, broker, &step);
        if (step.exchange) {
                ask_upstream(fleet, broker);
        }
        queue_set(&fleet->queue, index,
                  MIN_OF(step.wake_usec, broker->pending ? broker->answer_usec : USEC_NEVER));
}

/* ---- the story ---- */

static int play(struct fleet *fleet)
{
        const uint64_t spread = fleet->story == STORY_START ? USEC_PER_SEC : 24 * USEC_PER_HOUR;
        const uint64_t end = DAYS * 24 * USEC_PER_HOUR;

        if (queue_init(&fleet->queue, fleet->n) < 0) {
                return -ENOMEM;
        }
        fleet->brokers = calloc(fleet->n, sizeof(fleet->brokers[0]));
        if (!fleet->brokers) {
                return -ENOMEM;
        }
        for (uint32_t i = 0; i < fleet->n; i++) {
                queue_set(&fleet->queue, i, USEC_PER_SEC + random_bits(&fleet->random_state) % spread);
        }
        for (;;) {
                uint32_t next = queue_first(&fleet->queue);
                if (fleet->queue.time_usec[next] >= end) {
                        return 0;
                }
                fleet->now_usec = MAX_OF(fleet->now_usec, fleet->queue.time_usec[next]);
                live(fleet, next);
        }
}

static double per_second(const uint32_t *bins, uint64_t from_usec, uint64_t to_usec, uint32_t *ret_peak)
{
        size_t first = bin_of(from_usec), last = bin_of(to_usec);
        uint64_t sum = 0;
        uint32_t peak = 0;

        for (size_t i = first; i < last; i++) {
                sum += bins[i];
                peak = MAX_OF(peak, bins[i]);
        }
        *ret_peak = peak;
        return (double)sum / (double)(last - first) / BIN_SEC;
}

/* False: there was a herd, i.e. the fleet asked for more than a fleet that retries evenly, or, once that is
 * over, for more than the upstream can grant. A start of all in one second is the one herd that nobody can
 * prevent here: their callers wait. It has four minutes to dissolve. */
static bool tell(const struct fleet *fleet)
{
        const double retrying = CALM * ((double)fleet->n / RETRY_SEC + fleet->n / (LIFETIME_SEC * 0.65));
        const struct {
                const char *what;
                uint64_t from_usec, to_usec; /* after the event */
                double bound;
        } stretches[] = {
                { "first 4 minutes", 0, 4 * USEC_PER_MIN, fleet->story == STORY_START ? 0 : retrying },
                { "until 10 minutes", 4 * USEC_PER_MIN, 10 * USEC_PER_MIN, retrying },
                { "until 1 hour", 10 * USEC_PER_MIN, USEC_PER_HOUR, fleet->rate },
                { "until 20 hours", USEC_PER_HOUR, 20 * USEC_PER_HOUR, fleet->rate },
        };
        const uint64_t event = fleet->story == STORY_START ? 0 : OUTAGE_END;
        bool good = true;

        for (size_t i = 0; i < ARRAY_SIZE(stretches); i++) {
                uint32_t peak;
                double mean = per_second(fleet->sent, event + stretches[i].from_usec,
                                         event + stretches[i].to_usec, &peak);
                bool herd = stretches[i].bound > 0 && (double)peak / BIN_SEC > stretches[i].bound;
                printf("  %-8s %-18s %8.1f %10.1f", i == 0 ? story_names[fleet->story] : "",
                       stretches[i].what, mean, (double)peak / BIN_SEC);
                if (stretches[i].bound > 0) {
                        printf(" %10.1f%s", stretches[i].bound, herd ? "  A HERD" : "");
                }
                putchar('\n');
                good = good && !herd;
        }
        if (fleet->n_without > 0) {
                printf("  %8s %" PRIu32 " brokers had no token for a while, %.0f s on average\n", "",
                       fleet->n_without, (double)fleet->without_usec / 1e6 / fleet->n_without);
        }
        return good;
}

static int write_curve(const struct fleet *fleet, const char *path)
{
        FILE *file = fopen(path, "w");

        if (!file) {
                return -errno;
        }
        (void)fputs("# hours\texchanges per second\tgranted per second\n", file);
        for (size_t i = 0; i < N_BINS; i++) {
                (void)fprintf(file, "%.4f\t%.1f\t%.1f\n", (double)i * BIN_SEC / 3600,
                              (double)fleet->sent[i] / BIN_SEC, (double)fleet->granted[i] / BIN_SEC);
        }
        return fclose(file) == 0 ? 0 : -errno;
}

/* ---- the command line ---- */

struct options {
        uint64_t seed, brokers, rate;
        const char *directory;
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
        struct options *options = state->input;
        uint64_t *number = key == 's' ? &options->seed : key == 'n' ? &options->brokers : &options->rate;
        char *end;

        switch (key) {
        case 's':
        case 'n':
        case 'r':
                errno = 0;
                *number = strtoull(argument, &end, 0);
                if (errno != 0 || end == argument || *end != '\0' || *number > UINT32_MAX || *number == 0) {
                        argp_error(state, "not a number: %s", argument);
                }
                return 0;
        case 'c':
                options->directory = argument;
                return 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

static int play_story(const struct options *options, enum story story)
{
        static struct fleet fleet;
        char path[4096];
        int result = EXIT_FAILURE;

        fleet = (struct fleet){ .story = story,
                                .n = (uint32_t)options->brokers,
                                .rate = (uint32_t)options->rate,
                                .random_state = options->seed };
        if (play(&fleet) < 0) {
                fputs("out of memory\n", stderr);
        } else {
                result = tell(&fleet) ? EXIT_SUCCESS : EXIT_FAILURE;
                (void)snprintf(path, sizeof(path), "%s/%s.tsv",
                               options->directory ? options->directory : ".", story_names[story]);
                if (options->directory && write_curve(&fleet, path) < 0) {
                        fprintf(stderr, "cannot write %s\n", path);
                        result = EXIT_FAILURE;
                }
        }
        queue_clear(&fleet.queue);
        free(fleet.brokers);
        return result;
}

int main(int argc, char **argv)
{
        static const struct argp_option rows[] = {
                { "seed", 's', "N", 0, "random seed; default 1", 0 },
                { "brokers", 'n', "N", 0, "how many brokers; default 100000", 0 },
                { "rate", 'r', "N", 0,
                  "exchanges that the upstream grants a second; default a 200th of them", 0 },
                { "curves", 'c', "DIRECTORY", 0, "write the curves, a file STORY.tsv each", 0 },
                { NULL, 0, NULL, 0, NULL, 0 },
        };
        static const struct argp argp = { .options = rows,
                                          .parser = parse_option,
                                          .doc = "A fleet of brokers and one upstream, in virtual time." };
        struct options options = { .seed = 1, .brokers = 100000 };
        int result = EXIT_SUCCESS;

        if (argp_parse(&argp, argc, argv, 0, NULL, &options) != 0) {
                return EXIT_FAILURE;
        }
        if (options.rate == 0) {
                options.rate = MAX_OF(options.brokers / 200, UINT64_C(1));
        }
        printf("%" PRIu64 " brokers, an upstream that grants %" PRIu64 " a second; exchanges per second\n"
               "  story    after the event        mean       peak      bound\n",
               options.brokers, options.rate);
        for (enum story story = 0; story < _STORY_COUNT; story++) {
                if (play_story(&options, story) != EXIT_SUCCESS) {
                        result = EXIT_FAILURE;
                }
        }
        return result;
}

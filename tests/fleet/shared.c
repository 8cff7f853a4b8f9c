/* A fleet of brokers with one access key, one upstream, and a store that they share, in virtual time.
 *
 * Every broker is a refresh machine as it is shipped; what a keeper makes of the store's answers is in
 * store.c. Each story is told with the store and, for comparison, without one. In each the fleet starts over
 * two hours unless it says otherwise, and the event comes when the token in the store is at its refresh
 * point, after four hours: that is the worst moment.
 *
 * Stories:
 *   peace     nothing happens
 *   start     all start within one second
 *   crowd     the same, but the store serves a tenth of them a second
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
#include "tests/fleet/queue.h"
#include "tests/fleet/store.h"

#include "lib/util.h"
#include "tests/scenario/random_bits.h"

#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define HOURS         8
#define BIN_SEC       10
#define N_BINS        (HOURS * 3600 / BIN_SEC)
#define N_SECONDS     (HOURS * 3600)
#define EVENT         (4 * USEC_PER_HOUR)
#define LIFETIME_SEC  7200
#define ANSWER_USEC   (200 * USEC_PER_MSEC)
#define TIME_OUT_USEC (20 * USEC_PER_SEC)
#define REPORTS_USEC  (5 * USEC_PER_SEC)
#define ANY           UINT32_MAX

struct story {
        const char *name;
        uint64_t outage_usec; /* from the event on, the upstream is down for so long */
        bool silent;          /* and does not answer */
        bool start;           /* nobody was there before the event, */
        uint32_t but;         /* but one in so many */
        bool rejected;
        enum store_state store;   /* from the event on, */
        uint64_t store_usec;      /* for so long */
        bool rolls_back;          /* and is then as it was before */
        uint32_t served;          /* of the fleet a second; 0: all, and more */
        uint32_t goal_sent;       /* at most so many exchanges in the first hour from the event on; ANY */
        uint64_t goal_first_usec; /* each that starts with the event has a token so soon; 0: no goal */
        bool goal_without;        /* nobody is without a token at any time */
};

static const struct story stories[] = {
        { "peace", .goal_sent = 3, .goal_without = true },
        { "start", .start = true, .goal_sent = 3, .goal_first_usec = USEC_PER_SEC, .goal_without = true },
        { "crowd", .start = true, .served = 10, .goal_sent = ANY, .goal_without = true },
        { "hour", .outage_usec = USEC_PER_HOUR, .goal_sent = 100, .goal_without = true },
        { "long", .outage_usec = 90 * USEC_PER_MIN, .goal_sent = 100 },
        { "silent", .outage_usec = USEC_PER_HOUR, .silent = true, .goal_sent = 200, .goal_without = true },
        { "late", .outage_usec = USEC_PER_HOUR, .start = true, .but = 100, .goal_sent = ANY,
          .goal_first_usec = USEC_PER_SEC, .goal_without = true },
        { "nothing", .outage_usec = 5 * USEC_PER_MIN, .start = true, .goal_sent = ANY },
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

struct broker {
        struct refresh machine;
        bool started, exchanging, claiming, failed;
        struct refresh_outcome outcome; /* of the exchange in flight */
        struct fleet_token token;       /* of it, or in hand */
        uint64_t answer_usec, claim_usec, wake_usec, report_usec;
        uint64_t lost_usec; /* since when it has no token; USEC_NEVER: it has one */
        bool late;          /* it starts with the event, and has had no token yet */
};

struct fleet {
        const struct story *story;
        bool shared;
        uint32_t n, rate;
        uint64_t now_usec, random_state, second, granted_in_second, n_tokens;
        uint64_t event_usec; /* USEC_NEVER: it has not come yet */
        uint64_t valid_from; /* older tokens are refused */
        struct broker *brokers;
        struct queue queue;
        struct fleet_store store;
        uint32_t sent[N_SECONDS], claimed[N_SECONDS];
        uint64_t slowest_usec, without_usec; /* the longest of one that starts; of one that was without */
        uint32_t n_without;                  /* brokers that lost their token */
        bool wrong;                          /* a token was in hand after its end */
};

static uint64_t bits(struct fleet *fleet)
{
        return random_bits(&fleet->random_state);
}

static size_t second_of(uint64_t usec)
{
        return MIN_OF((size_t)(usec / USEC_PER_SEC), (size_t)N_SECONDS - 1);
}

/* ---- the event ---- */

static bool is_over(const struct fleet *fleet, uint64_t length_usec)
{
        return fleet->event_usec == USEC_NEVER || fleet->now_usec >= fleet->event_usec + length_usec;
}

static void begin_event(struct fleet *fleet)
{
        const struct story *story = fleet->story;

        fleet->event_usec = fleet->now_usec;
        if (story->store_usec > 0) {
                fleet->store.state = story->store;
        }
        if (story->rejected) {
                fleet->valid_from = fleet->n_tokens + 1;
                for (uint32_t i = 0; i < fleet->n; i++) {
                        struct broker *broker = &fleet->brokers[i];
                        broker->report_usec = fleet->now_usec + bits(fleet) % REPORTS_USEC;
                        queue_set(&fleet->queue, i, MIN_OF(broker->report_usec, fleet->queue.time_usec[i]));
                }
        }
}

static void look_at_event(struct fleet *fleet, bool refreshing)
{
        if (fleet->event_usec == USEC_NEVER && fleet->now_usec >= EVENT &&
            (refreshing || fleet->story->start)) {
                begin_event(fleet);
        }
        if (fleet->store.state != STORE_UP && is_over(fleet, fleet->story->store_usec)) {
                fleet->store.state = STORE_UP;
                fleet->store.lease_usec = fleet->store.busy_usec = 0;
                if (fleet->story->rolls_back) {
                        fleet->store.session = fleet->store.before;
                }
        }
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
        bool down = !is_over(fleet, fleet->story->outage_usec);

        broker->exchanging = true;
        broker->answer_usec = fleet->now_usec + (down && fleet->story->silent ? TIME_OUT_USEC : ANSWER_USEC);
        broker->outcome = (struct refresh_outcome){ .outcome = EXCHANGE_UNAVAILABLE,
                                                    .retry_after_sec = RETRY_AFTER_NONE };
        if (!down && !has_room(fleet)) {
                broker->outcome.outcome = EXCHANGE_THROTTLED;
        } else if (!down) {
                broker->outcome.outcome = EXCHANGE_GRANTED;
                broker->outcome.lifetime_sec = LIFETIME_SEC;
                broker->outcome.token_serial = ++fleet->n_tokens;
        }
        fleet->sent[second_of(fleet->now_usec)]++;
}

/* ---- one broker ---- */

static void note_token(struct fleet *fleet, struct broker *broker, const struct refresh_step *step)
{
        uint64_t lost = broker->lost_usec;

        if (step->adopted && lost != USEC_NEVER) {
                uint64_t *slowest = broker->late ? &fleet->slowest_usec : &fleet->without_usec;
                *slowest = MAX_OF(*slowest, fleet->now_usec - lost);
                broker->lost_usec = USEC_NEVER;
                broker->late = false;
        } else if (step->expired && !broker->machine.has_token) {
                broker->lost_usec = fleet->now_usec;
                fleet->n_without++;
        }
        fleet->wrong = fleet->wrong ||
                       (broker->machine.has_token && broker->machine.expires_usec <= fleet->now_usec);
}

static struct refresh_step on_answer(struct fleet *fleet, struct broker *broker, uint32_t index)
{
        uint64_t sent = broker->machine.sent_usec;

        broker->exchanging = false;
        struct refresh_step step = refresh_on_outcome(&broker->machine, &broker->outcome, fleet->now_usec,
                                                      (uint32_t)bits(fleet));
        if (broker->outcome.outcome == EXCHANGE_GRANTED) {
                const struct fleet_token token = { broker->outcome.token_serial, sent,
                                                   sent + LIFETIME_SEC * USEC_PER_SEC };
                store_publish(&fleet->store, index, &token);
        } else {
                store_cool(&fleet->store, index, refresh_next_usec(&broker->machine), fleet->now_usec);
        }
        return step;
}

static struct refresh_step on_claim(struct fleet *fleet, struct broker *broker, uint32_t index)
{
        struct refresh *machine = &broker->machine;
        struct refresh_claim claim = { .kind = REFRESH_CLAIM_FAILED };

        broker->claiming = false;
        if (!broker->failed) {
                claim = store_claim(&fleet->store, index, machine->has_token ? machine->token_serial : 0,
                                    machine->reported_serial, LIFETIME_SEC, bits(fleet), fleet->now_usec);
        }
        struct refresh_step step = refresh_on_claim(machine, &claim, fleet->now_usec, (uint32_t)bits(fleet));
        if (!step.exchange) {
                store_release(&fleet->store, index);
        }
        return step;
}

static struct refresh_step report(struct fleet *fleet, struct broker *broker)
{
        struct refresh_obstacle obstacle;
        struct refresh_step step;

        broker->report_usec = USEC_NEVER;
        if (!broker->machine.has_token || broker->machine.token_serial >= fleet->valid_from) {
                return refresh_on_timer(&broker->machine, fleet->now_usec);
        }
        enum refresh_verdict verdict = refresh_on_report(&broker->machine, broker->machine.token_serial,
                                                         fleet->now_usec, &step, &obstacle);
        if (verdict != REFRESH_UNDER_WAY) {
                broker->report_usec = fleet->now_usec + REPORTS_USEC;
        }
        return step;
}

static struct refresh_step start(struct fleet *fleet, struct broker *broker)
{
        const struct key_name name = { .serial = 1, .label = "1-main" };

        broker->started = true;
        broker->lost_usec = fleet->now_usec;
        broker->late = fleet->now_usec >= EVENT;
        broker->report_usec = USEC_NEVER;
        refresh_init(&broker->machine);
        refresh_use_store(&broker->machine, fleet->shared);
        return refresh_on_keys(&broker->machine, &name, 1, fleet->now_usec);
}

static void carry_out(struct fleet *fleet, struct broker *broker, const struct refresh_step *step)
{
        if (step->cancel) {
                broker->claiming = false;
        }
        note_token(fleet, broker, step);
        if (step->exchange || step->claim) {
                look_at_event(fleet, step->reason == REFRESH_DUE);
        }
        if (step->exchange) {
                ask_upstream(fleet, broker);
        }
        if (step->claim) {
                broker->claiming = true;
                broker->claim_usec = store_answer_usec(&fleet->store, fleet->now_usec, &broker->failed);
                fleet->claimed[second_of(fleet->now_usec)]++;
        }
        if (step->adopted && broker->machine.token_serial < fleet->valid_from) {
                broker->report_usec = fleet->now_usec + bits(fleet) % REPORTS_USEC;
        }
}

static void live(struct fleet *fleet, uint32_t index)
{
        struct broker *broker = &fleet->brokers[index];
        uint64_t now = fleet->now_usec;
        struct refresh_step step;

        look_at_event(fleet, false);
        if (!broker->started) {
                step = start(fleet, broker);
        } else if (broker->exchanging && broker->answer_usec <= now) {
                step = on_answer(fleet, broker, index);
        } else if (broker->claiming && broker->claim_usec <= now) {
                step = on_claim(fleet, broker, index);
        } else if (broker->report_usec <= now) {
                step = report(fleet, broker);
        } else {
                step = refresh_on_timer(&broker->machine, now);
        }
        carry_out(fleet, broker, &step);
        uint64_t next = MIN_OF(step.wake_usec, broker->report_usec);
        next = broker->exchanging ? MIN_OF(next, broker->answer_usec) : next;
        queue_set(&fleet->queue, index, broker->claiming ? MIN_OF(next, broker->claim_usec) : next);
}

/* ---- the story ---- */

static uint64_t start_usec(struct fleet *fleet, uint32_t index)
{
        const struct story *story = fleet->story;
        bool late = story->start && !(story->but > 0 && index % story->but == 0);

        return late ? EVENT + (story->but > 0 ? USEC_PER_MIN * 40 : 0) + bits(fleet) % USEC_PER_SEC
                    : USEC_PER_SEC + bits(fleet) % (2 * USEC_PER_HOUR);
}

static int play(struct fleet *fleet)
{
        if (queue_init(&fleet->queue, fleet->n) < 0) {
                return -ENOMEM;
        }
        fleet->brokers = calloc(fleet->n, sizeof(fleet->brokers[0]));
        if (!fleet->brokers) {
                return -ENOMEM;
        }
        fleet->store.rate = fleet->story->served > 0 ? MAX_OF(fleet->n / fleet->story->served, 1U) : 1000000;
        for (uint32_t i = 0; i < fleet->n; i++) {
                queue_set(&fleet->queue, i, start_usec(fleet, i));
        }
        for (;;) {
                uint32_t next = queue_first(&fleet->queue);
                if (fleet->queue.time_usec[next] >= HOURS * USEC_PER_HOUR) {
                        return 0;
                }
                fleet->now_usec = MAX_OF(fleet->now_usec, fleet->queue.time_usec[next]);
                live(fleet, next);
        }
}

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
        if (play(&fleet) < 0) {
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

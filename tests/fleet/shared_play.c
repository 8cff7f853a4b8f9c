/* Plays the story of a fleet that shares a store. Every broker is a refresh machine as it is shipped;
 * store.c has the keeper's part. */
#include "lib/refresh_cool.h"
#include "tests/fleet/shared.h"
#include "tests/scenario/random_bits.h"

#include <errno.h>

#define KEY 1 /* its serial; they have no other one */

static uint64_t bits(struct fleet *fleet)
{
        return random_bits(&fleet->random_state);
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
                store_cool(&fleet->store, index, refresh_cool_usec(&broker->machine, KEY, fleet->now_usec),
                           fleet->now_usec);
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
        const struct key_name name = { .serial = KEY, .label = "1-main" };

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

/* All brokers are gone; their token is still there. */
static void leave_token(struct fleet *fleet)
{
        uint64_t life = LIFETIME_SEC * USEC_PER_SEC;
        uint64_t issued = EVENT - life / 100 * fleet->story->left_behind;

        fleet->store.session = (struct fleet_token){ ++fleet->n_tokens, issued, issued + life };
}

int shared_play(struct fleet *fleet)
{
        if (queue_init(&fleet->queue, fleet->n) < 0) {
                return -ENOMEM;
        }
        fleet->brokers = calloc(fleet->n, sizeof(fleet->brokers[0]));
        if (!fleet->brokers) {
                return -ENOMEM;
        }
        if (fleet->story->left_behind > 0) {
                leave_token(fleet);
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

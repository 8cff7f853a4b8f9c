/* A stand-in for the keeper; see the header. */
#include "tests/fake/keeper.h"

#include "daemon/base/clock.h"
#include "daemon/base/keyed_digest.h"
#include "lib/secret.h"
#include "lib/util.h"

#include <stdio.h>

#define OUTCOMES_MAX 64

struct keeper {
        struct sides sides;
        struct known *known;
        sd_event_source *due;
        struct keeper_outcome outcomes[OUTCOMES_MAX];
        size_t n_outcomes;
        unsigned n_exchanges;
        unsigned story;
        uint64_t last_serial;
        struct environment_view view;
        struct session *session;
        void (*on_lane_dead)(uint32_t id, void *userdata);
        void *lanes_userdata;
};

static void must(bool good)
{
        if (!good) {
                abort();
        }
}

static int on_due(sd_event_source *source, void *userdata)
{
        struct keeper *keeper = userdata;

        for (size_t i = 0; i < keeper->n_outcomes; i++) {
                questions_answer(&keeper->known->questions, &keeper->outcomes[i]);
        }
        keeper->n_outcomes = 0;
        return 0;
}

static void tell(struct keeper *keeper)
{
        keeper->view.n_news++;
        must(known_take_environment(keeper->known, &keeper->view, keeper->session) >= 0);
}

static void answer(struct keeper *keeper, uint64_t number, enum refresh_verdict verdict)
{
        if (verdict == REFRESH_UNDER_WAY) {
                keeper->view.refresh.in_flight = true;
                tell(keeper);
        }
        must(keeper->n_outcomes < OUTCOMES_MAX);
        keeper->outcomes[keeper->n_outcomes++] =
                (struct keeper_outcome){ .number = number, .verdict = verdict, .message = "?" };
        must(sd_event_source_set_enabled(keeper->due, SD_EVENT_ONESHOT) >= 0);
}

static enum refresh_verdict agrees(const struct keeper *keeper, enum refresh_verdict otherwise)
{
        return keeper->story & FAKE_KEEPER_AGREES ? REFRESH_UNDER_WAY : otherwise;
}

static void on_demand(struct keeper *keeper, uint64_t number, const char *environment, uint32_t min_ttl_sec)
{
        keeper->n_exchanges++;
        answer(keeper, number, agrees(keeper, REFRESH_TOO_SOON));
}

static void on_report(struct keeper *keeper, uint64_t number, const char *environment, const char *ust,
                      size_t length)
{
        keeper->n_exchanges++;
        answer(keeper, number, agrees(keeper, REFRESH_NOT_CURRENT));
}

static void on_refresh(struct keeper *keeper, uint64_t number, const char *environment, bool new_account)
{
        keeper->n_exchanges++;
        answer(keeper, number, agrees(keeper, REFRESH_TOO_SOON));
}

static void on_alive(struct keeper *keeper, uint64_t number)
{
        answer(keeper, number, REFRESH_SATISFIED);
}

static void on_reload(struct keeper *keeper, uint64_t number)
{
        answer(keeper, number, REFRESH_NO_KEY);
}

static void on_groups(struct keeper *keeper, uid_t uid)
{
        abort(); /* root, who calls, needs none */
}

static void on_names(struct keeper *keeper)
{
        abort(); /* there are no names to be looked up */
}

static void on_unit(struct keeper *keeper, uint64_t cgroup)
{
        abort(); /* no rule is for a unit */
}

static void on_lane_dead(struct keeper *keeper, uint32_t id, uint64_t serial, bool broken)
{
        keeper->on_lane_dead(id, keeper->lanes_userdata);
}

static void on_carrying(struct keeper *keeper, uint64_t now_usec)
{
}

static const struct keeper_calls calls = {
        .demand = on_demand,
        .report = on_report,
        .refresh = on_refresh,
        .alive = on_alive,
        .reload = on_reload,
        .groups = on_groups,
        .names = on_names,
        .unit = on_unit,
        .lane_dead = on_lane_dead,
        .carrying = on_carrying,
};

static void take_new_token(struct keeper *keeper)
{
        struct grant *grant = secret_alloc(sizeof(*grant));

        must(grant != NULL);
        grant->lifetime_sec = LIFETIME_MAX_SEC;
        (void)snprintf(grant->mage_id, sizeof(grant->mage_id), "MAG123456789");
        (void)snprintf(grant->ust, sizeof(grant->ust), "%s", FAKE_KEEPER_TOKEN);
        (void)session_unref(keeper->session);
        must(session_new(&keeper->session, grant, ++keeper->last_serial, clock_now_usec(), "1-main") >= 0);
        (void)secret_free(grant);
        keeper->view.refresh.has_token = true;
        keeper->view.refresh.expires_usec = keeper->session->expires_usec;
}

void fake_keeper_begin(struct keeper *keeper, unsigned story)
{
        keeper->story = story;
        keeper->view = (struct environment_view){ .name = "sandbox",
                                                  .base_url = "https://localhost",
                                                  .n_news = keeper->view.n_news,
                                                  .n_answered = keeper->view.n_answered };
        refresh_init(&keeper->view.refresh);
        keeper->view.refresh.keyring.n = 1;
        if (story & FAKE_KEEPER_HAS_NO_TOKEN) {
                keeper->session = session_unref(keeper->session);
                keeper->view.refresh.in_flight = true;
        } else {
                take_new_token(keeper);
        }
        tell(keeper);
}

void fake_keeper_go_on(struct keeper *keeper)
{
        if (!keeper->view.refresh.in_flight) {
                return;
        }
        keeper->view.refresh.in_flight = false;
        keeper->view.n_answered++;
        if (keeper->story & FAKE_KEEPER_FAILS) {
                keeper->view.trouble = (struct environment_trouble){
                        .any = true, .outcome = EXCHANGE_UNAVAILABLE, .at_usec = clock_now_usec(), .why = "?"
                };
        } else {
                take_new_token(keeper);
        }
        tell(keeper);
}

static struct access_settings *read_settings(const char *text)
{
        struct access_settings *access = NULL;
        struct settings *settings = NULL;
        char message[SETTINGS_ERROR_MAX];

        must(settings_new(&settings) >= 0 &&
             settings_read(settings, "?", text, strlen(text), message) >= 0 &&
             settings_finish(settings, message) >= 0);
        must(access_settings_new(&access, settings, /* own_uid= */ 0) >= 0);
        (void)settings_free(settings);
        return access;
}

void fake_keeper_configure(struct keeper *keeper, const char *text)
{
        known_take_settings(keeper->known, read_settings(text));
        known_take_names(keeper->known, USEC_NEVER, USEC_NEVER);
        tell(keeper);
}

void fake_keeper_watch_lanes(struct keeper *keeper, void (*on_dead)(uint32_t id, void *userdata),
                             void *userdata)
{
        keeper->on_lane_dead = on_dead;
        keeper->lanes_userdata = userdata;
}

struct keeper *fake_keeper_new(sd_event *event, struct known *known)
{
        struct keeper *keeper = calloc(1, sizeof(*keeper));
        struct keys_view *keys = calloc(1, sizeof(*keys));

        must(keeper != NULL && keys != NULL);
        keeper->known = known;
        must(sd_event_add_defer(event, &keeper->due, on_due, keeper) >= 0);
        must(sd_event_source_set_enabled(keeper->due, SD_EVENT_OFF) >= 0);
        keeper->sides = (struct sides){ .ask = &calls, .keeper = keeper };
        known_init(known, &keeper->sides);
        known_take_settings(known, read_settings(""));
        known_take_names(known, USEC_NEVER, USEC_NEVER);
        keys->n_ids = 1;
        must(keyed_digest(FAKE_KEEPER_ID, strlen(FAKE_KEEPER_ID), keys->salt, keys->ids[0]) >= 0);
        known_take_keys(known, keys);
        free(keys);
        fake_keeper_begin(keeper, 0);
        return keeper;
}

unsigned fake_keeper_n_exchanges(const struct keeper *keeper)
{
        return keeper->n_exchanges;
}

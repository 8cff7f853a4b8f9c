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

static void answer(struct keeper *keeper, uint64_t number, enum refresh_verdict verdict)
{
        must(keeper->n_outcomes < OUTCOMES_MAX);
        keeper->outcomes[keeper->n_outcomes++] =
                (struct keeper_outcome){ .number = number, .verdict = verdict, .message = "?" };
        must(sd_event_source_set_enabled(keeper->due, SD_EVENT_ONESHOT) >= 0);
}

static void on_demand(struct keeper *keeper, uint64_t number, const char *environment, uint32_t min_ttl_sec)
{
        keeper->n_exchanges++;
        answer(keeper, number, REFRESH_TOO_SOON);
}

static void on_report(struct keeper *keeper, uint64_t number, const char *environment, const char *ust,
                      size_t length)
{
        keeper->n_exchanges++;
        answer(keeper, number, REFRESH_NOT_CURRENT);
}

static void on_refresh(struct keeper *keeper, uint64_t number, const char *environment)
{
        keeper->n_exchanges++;
        answer(keeper, number, REFRESH_TOO_SOON);
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

static const struct keeper_calls calls = {
        .demand = on_demand,
        .report = on_report,
        .refresh = on_refresh,
        .reload = on_reload,
        .groups = on_groups,
        .names = on_names,
};

static void tell_token(struct known *known)
{
        struct environment_view view = { .name = "sandbox", .base_url = "https://localhost", .n_news = 1 };
        struct session *session = NULL;
        struct grant *grant = secret_alloc(sizeof(*grant));

        must(grant != NULL);
        grant->lifetime_sec = LIFETIME_MAX_SEC;
        (void)snprintf(grant->mage_id, sizeof(grant->mage_id), "MAG123456789");
        (void)snprintf(grant->ust, sizeof(grant->ust), "%s", FAKE_KEEPER_TOKEN);
        must(session_new(&session, grant, 1, clock_now_usec(), "1-main") >= 0);
        (void)secret_free(grant);
        refresh_init(&view.refresh);
        view.refresh.keyring.n = 1;
        view.refresh.has_token = true;
        view.refresh.expires_usec = session->expires_usec;
        must(known_take_environment(known, &view, session) >= 0);
        (void)session_unref(session);
}

struct keeper *fake_keeper_new(sd_event *event, struct known *known)
{
        struct keeper *keeper = calloc(1, sizeof(*keeper));
        struct keys_view *keys = calloc(1, sizeof(*keys));
        struct access_settings *access = NULL;
        struct settings *settings = NULL;
        char message[SETTINGS_ERROR_MAX];

        must(keeper != NULL && keys != NULL);
        keeper->known = known;
        must(sd_event_add_defer(event, &keeper->due, on_due, keeper) >= 0);
        must(sd_event_source_set_enabled(keeper->due, SD_EVENT_OFF) >= 0);
        must(settings_new(&settings) >= 0 && settings_finish(settings, message) >= 0);
        must(access_settings_new(&access, settings, /* own_uid= */ 0) >= 0);
        (void)settings_free(settings);
        keeper->sides = (struct sides){ .ask = &calls, .keeper = keeper };
        known_init(known, &keeper->sides);
        known_take_settings(known, access);
        known_take_names(known, USEC_NEVER, USEC_NEVER);
        keys->n_ids = 1;
        must(keyed_digest(FAKE_KEEPER_ID, strlen(FAKE_KEEPER_ID), keys->salt, keys->ids[0]) >= 0);
        known_take_keys(known, keys);
        free(keys);
        tell_token(known);
        return keeper;
}

unsigned fake_keeper_n_exchanges(const struct keeper *keeper)
{
        return keeper->n_exchanges;
}

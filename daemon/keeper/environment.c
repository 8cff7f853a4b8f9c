/* One environment at work.
 *
 * Every event ends in environment_carry_out(): it starts the exchange that the machine asks for, sets the
 * one timer, lets an expired session go and tells those who wait. */
#include "daemon/keeper/environment.h"

#include "daemon/base/clock.h"
#include "daemon/base/journal.h"
#include "daemon/keeper/environment_ledger.h"
#include "daemon/keeper/environment_log.h"
#include "daemon/keeper/environment_memory.h"
#include "daemon/keeper/environment_outcome.h"
#include "daemon/keeper/environment_share.h"
#include "daemon/keeper/environment_steps.h"
#include "lib/duration.h"
#include "lib/util.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>

static void show_account(struct environment *environment)
{
        (void)snprintf(environment->view.account, sizeof(environment->view.account), "%s",
                       environment_account(environment));
}

void environment_tell_change(struct environment *environment)
{
        show_account(environment);
        environment->watcher.on_change(environment, environment->watcher.userdata);
}

/* Those who wait for an outcome, or for keys, are to look again. */
void environment_tell_news(struct environment *environment)
{
        environment->view.n_news++;
        environment_tell_change(environment);
}

/* ---- exchanges ---- */

/* A TLS exchange leaves a megabyte of free heap behind, and the next one is an hour away. */
static struct exchange *free_exchange(struct exchange *exchange)
{
        if (exchange) {
                (void)exchange_free(exchange);
                (void)malloc_trim(0);
        }
        return NULL;
}

static void on_exchange_done(const struct exchange_report *report, void *userdata)
{
        struct environment *environment = userdata;
        uint64_t now_usec = clock_now_usec();
        uint64_t key_serial = environment->view.refresh.in_flight_key;
        struct refresh_step step = environment_outcome_take(environment, report, now_usec);

        environment_share_exchanged(environment, report, key_serial, step.adopted, now_usec);
        environment->exchange = free_exchange(environment->exchange);
        environment_carry_out(environment, &step, now_usec);
        environment_tell_news(environment);
}

/* The exchange could not even be started: the machine hears of it as of any other failure. */
static void on_start_failed(struct environment *environment, int error)
{
        struct exchange_report report = { .outcome = EXCHANGE_UNAVAILABLE,
                                          .retry_after_sec = RETRY_AFTER_NONE,
                                          .unsent = true,
                                          .excerpt.code = INT64_MIN };

        (void)snprintf(report.why, sizeof(report.why), "the request could not be made: %s",
                       strerror(-error));
        on_exchange_done(&report, environment);
}

/* The other keys go with it to be hidden, should the answer show them. */
static int send_request(struct environment *environment, uint64_t key_serial)
{
        const struct keyring *keyring = &environment->view.refresh.keyring;
        const struct access_key *keys[1 + ARRAY_SIZE(keyring->keys)];
        size_t n = 0;

        keys[n++] = key_files_find(environment->tools.keys, key_serial);
        for (size_t i = 0; i < keyring->n; i++) {
                keys[n] = key_files_find(environment->tools.keys, keyring->keys[i].serial);
                n += keys[n] && keys[n] != keys[0];
        }
        return keys[0] ? exchange_start(&environment->exchange, environment->tools.curl,
                                        environment->settings, keys, n, on_exchange_done, environment)
                       : -ENOKEY;
}

static void start_exchange(struct environment *environment, uint64_t key_serial)
{
        struct refresh_step step;
        bool held;

        int r = environment_ledger_enter(environment, key_serial, &step, &held);
        if (held) {
                environment_carry_out(environment, &step, clock_now_usec());
                environment_tell_news(environment);
                return;
        }
        environment->view.n_exchanges++;
        environment->asked_lifetime_sec = environment->settings->lifetime_sec;
        if (r >= 0) {
                if (environment->watcher.on_sent) {
                        environment->watcher.on_sent(environment->watcher.userdata);
                }
                r = send_request(environment, key_serial);
        }
        if (r < 0) {
                on_start_failed(environment, r);
        }
}

/* Says once when something puts a due exchange off that nobody would expect. */
static void note_limit(struct environment *environment, enum refresh_limit limit, uint64_t now_usec)
{
        bool worth_it = limit == REFRESH_LIMIT_BUDGET || limit == REFRESH_LIMIT_RETRY_AFTER;

        if (worth_it && limit != environment->limit) {
                char wait[DURATION_TEXT_MAX];
                uint64_t until = refresh_limited_until(&environment->view.refresh, REFRESH_SHARE_NEED, NULL);
                environment->view.n_limited++;
                journal_say(&(struct journal_record){ .priority = LOG_WARNING,
                                                      .id = EVENT_LIMIT_REACHED,
                                                      .environment = environment->view.name },
                            "the next refresh is put off for %s: %s",
                            duration_format(usec_sub(until, now_usec), wait),
                            limit == REFRESH_LIMIT_BUDGET ? "the hourly budget of exchanges is used up"
                                                          : "the upstream asked for patience (Retry-After)");
        }
        environment->limit = limit;
}

static void retain_keys(struct environment *environment)
{
        const struct keyring *keyring = &environment->view.refresh.keyring;
        uint64_t serials[ARRAY_SIZE(keyring->keys)];

        for (size_t i = 0; i < keyring->n; i++) {
                serials[i] = keyring->keys[i].serial;
        }
        key_files_retain(environment->tools.keys, environment->view.name, serials, keyring->n);
}

static bool on_claimed(struct environment *environment, const struct refresh_claim *claim,
                       struct session *found, uint64_t key_serial)
{
        uint64_t now_usec = clock_now_usec();
        struct refresh_step step =
                environment_outcome_take_claim(environment, claim, found, key_serial, now_usec);

        environment_carry_out(environment, &step, now_usec);
        if (step.adopted) {
                environment_tell_news(environment);
        } else {
                environment_tell_change(environment);
        }
        return step.adopted && !environment->exchange; /* else that is what the lease is for */
}

static const struct environment_share_user share_user = { on_claimed, environment_tell_change };

void environment_carry_out(struct environment *environment, const struct refresh_step *step,
                           uint64_t now_usec)
{
        if (step->cancel) {
                environment->exchange = free_exchange(environment->exchange);
                environment_share_cancel(environment);
        }
        if (step->expired) {
                environment->session = session_unref(environment->session);
                journal_say(&(struct journal_record){ .priority = LOG_ERR,
                                                      .id = EVENT_TOKEN_EXPIRED,
                                                      .environment = environment->view.name },
                            "the token in hand has expired and there is no newer one");
        }
        if (step->off) {
                environment->session = session_unref(environment->session);
                environment->account[0] = environment->old_account[0] = '\0';
                free(take_ptr(environment->memory));
                environment->view.trouble.any = false;
                journal_say(&(struct journal_record){ .priority = LOG_NOTICE,
                                                      .id = EVENT_KEYS_LOADED,
                                                      .environment = environment->view.name },
                            "there is no access key any more: its token is dropped");
        }
        retain_keys(environment);
        note_limit(environment, step->limit, now_usec);
        if (step->wake_usec == USEC_NEVER) {
                (void)sd_event_source_set_enabled(environment->timer, SD_EVENT_OFF);
        } else {
                (void)sd_event_source_set_time(environment->timer, step->wake_usec);
                (void)sd_event_source_set_enabled(environment->timer, SD_EVENT_ONESHOT);
        }
        if (step->exchange) {
                start_exchange(environment, step->key_serial);
        }
        if (step->claim) {
                environment_share_claim(environment, step->key_serial);
        }
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct environment *environment = userdata;

        /* Calls environment_keys_changed(), so it must not be called where a step is carried out. */
        (void)key_files_look(environment->tools.keys);
        uint64_t now_usec = clock_now_usec();
        struct refresh_step step = refresh_on_timer(&environment->view.refresh, now_usec);
        environment_carry_out(environment, &step, now_usec);
        environment_tell_change(environment);
        return 0;
}

/* ---- keys, and the session in hand ---- */

/* Every reading of the key files comes here, also those that found nothing new. */
static void tell_keys(struct environment *environment, const struct key_name *names, size_t n)
{
        bool same = n == environment->n_keys_told;

        for (size_t i = 0; i < n; i++) {
                same = same && names[i].serial == environment->keys_told[i];
                environment->keys_told[i] = names[i].serial;
        }
        environment->n_keys_told = n;
        if (!same) {
                environment_log_keys(&environment->view, names, n);
        }
}

void environment_keys_changed(struct environment *environment)
{
        struct key_name names[KEYS_PER_ENVIRONMENT_MAX];
        size_t n = key_files_names(environment->tools.keys, environment->view.name, names);
        uint64_t now_usec = clock_now_usec();

        environment_memory_tell(environment, names, n);
        environment_share_look(environment, &share_user);
        environment->view.refresh.files_unusable =
                n == 0 &&
                key_refusals_concern(key_files_refusals(environment->tools.keys), environment->view.name);
        struct refresh_step step = refresh_on_keys(&environment->view.refresh, names, n, now_usec);

        tell_keys(environment, names, n);
        environment_carry_out(environment, &step, now_usec);
        environment_tell_news(environment);
}

/* Is what is in hand of this account? "": of any. */
static bool is_of_account(const struct environment *environment, const char *account)
{
        return !*account || !environment->session || streq(environment->session->mage_id, account);
}

/* Whatever went before: nothing of another account leaves here. */
struct session *environment_session(const struct environment *environment, uint64_t now_usec)
{
        return session_alive(environment->session, now_usec) &&
                               is_of_account(environment, environment_account(environment))
                       ? environment->session
                       : NULL;
}

/* ---- life ---- */

/* Another upstream, or another account: nothing that is in hand counts any more. */
static void begin_anew(struct environment *environment)
{
        environment->exchange = free_exchange(environment->exchange);
        environment->session = session_unref(environment->session);
        environment->account[0] = environment->old_account[0] = '\0';
        free(take_ptr(environment->memory));
        refresh_move(&environment->view.refresh);
        environment_share_forget(environment);
        environment->view.trouble.any = false;
        environment->view.last_refresh_usec = 0;
        environment->view.n_failures_in_row = 0;
}

void environment_configure(struct environment *environment, const struct environment_settings *settings)
{
        const struct environment_settings *old = environment->settings;
        bool moved = old && !streq(old->base_url, settings->base_url);
        const char *account = old ? environment_account(environment) : "";

        if (old && old->lifetime_sec != settings->lifetime_sec) {
                refresh_on_lifetime(&environment->view.refresh);
        }
        bool other =
                settings->account &&
                ((*account && !streq(account, settings->account)) ||
                 !is_of_account(environment, settings->account)); /* an operator had the account forgotten */
        if (moved || other) {
                begin_anew(environment);
        }
        environment->settings = settings;
        (void)snprintf(environment->view.base_url, sizeof(environment->view.base_url), "%s",
                       settings->base_url);
        environment->view.exchange_timeout_usec = settings->exchange_timeout_usec;
        show_account(environment);
}

static void free_environment(struct environment **environment)
{
        *environment = environment_free(*environment);
}

int environment_new(struct environment **ret, const struct environment_tools *tools,
                    const struct environment_settings *settings, const struct environment_watcher *watcher)
{
        _cleanup_(free_environment) struct environment *environment = calloc(1, sizeof(*environment));
        if (!environment) {
                return -ENOMEM;
        }
        (void)snprintf(environment->view.name, sizeof(environment->view.name), "%s", settings->name);
        environment->tools = *tools;
        environment->watcher = *watcher;
        refresh_init(&environment->view.refresh);
        environment_configure(environment, settings);
        int r = sd_event_add_time(tools->event, &environment->timer, CLOCK_BOOTTIME, USEC_NEVER, 1, on_timer,
                                  environment);
        if (r < 0) {
                return r;
        }
        (void)sd_event_source_set_description(environment->timer, environment->view.name);
        *ret = take_ptr(environment);
        return 0;
}

struct environment *environment_free(struct environment *environment)
{
        if (environment) {
                environment->exchange = free_exchange(environment->exchange);
                environment->share = environment_share_free(environment->share);
                key_files_retain(environment->tools.keys, environment->view.name, NULL, 0);
                sd_event_source_disable_unref(environment->timer);
                environment->session = session_unref(environment->session);
                free(environment->memory);
                free(environment);
        }
        return NULL;
}

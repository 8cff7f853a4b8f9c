/* One environment at work.
 *
 * Every event ends in carry_out(): it starts the exchange that the machine asks for, sets the one timer,
 * lets an expired session go and tells those who wait. */
#include "daemon/keeper/environment.h"

#include "daemon/base/clock.h"
#include "daemon/base/journal.h"
#include "daemon/keeper/environment_log.h"
#include "lib/duration.h"
#include "lib/util.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <sys/random.h>

static void carry_out(struct environment *environment, const struct refresh_step *step, uint64_t now_usec);

static uint32_t random_bits(void)
{
        uint32_t bits = 0;
        /* Never blocks once the system is up, and jitter is no secret: without randomness it is none. */
        (void)!getrandom(&bits, sizeof(bits), GRND_NONBLOCK);
        return bits;
}

static const char *label_of(const struct environment *environment, uint64_t key_serial)
{
        const struct key_state *key = keyring_find(&environment->view.refresh.keyring, key_serial);
        return key ? key->label : "";
}

static void tell_change(struct environment *environment)
{
        environment->watcher.on_change(environment, environment->watcher.userdata);
}

/* Those who wait for an outcome, or for keys, are to look again. */
static void tell_news(struct environment *environment)
{
        environment->view.n_news++;
        tell_change(environment);
}

/* ---- exchanges ---- */

static void note_trouble(struct environment *environment, const struct exchange_report *report,
                         const char *label, uint64_t now_usec)
{
        struct environment_trouble *trouble = &environment->view.trouble;

        *trouble =
                (struct environment_trouble){ .any = true, .outcome = report->outcome, .at_usec = now_usec };
        (void)snprintf(trouble->key_label, sizeof(trouble->key_label), "%s", label);
        (void)snprintf(trouble->why, sizeof(trouble->why), "%s", report->why);
        if (report->status == 0 || report->outcome == EXCHANGE_GRANTED) {
                return;
        }
        struct environment_odd_answer *odd = &environment->view.odd_answer;
        *odd = (struct environment_odd_answer){ .any = true, .at_usec = now_usec, .status = report->status };
        (void)snprintf(odd->content_type, sizeof(odd->content_type), "%s", report->content_type);
        (void)snprintf(odd->header_names, sizeof(odd->header_names), "%s", report->header_names);
        odd->excerpt = report->excerpt;
}

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
        struct refresh *refresh = &environment->view.refresh;
        uint64_t now_usec = clock_now_usec();
        uint64_t key_serial = refresh->in_flight_key, sent_usec = refresh->sent_usec;
        struct refresh_outcome outcome = { .outcome = report->outcome,
                                           .retry_after_sec = report->retry_after_sec };
        _cleanup_(session_unrefp) struct session *session = NULL;
        char label[KEY_LABEL_MAX + 1];

        (void)snprintf(label, sizeof(label), "%s", label_of(environment, key_serial));
        if (report->outcome == EXCHANGE_GRANTED) {
                outcome.lifetime_sec = report->grant->lifetime_sec;
                outcome.token_serial = environment->last_serial + 1;
                if (session_new(&session, report->grant, outcome.token_serial, sent_usec, label) < 0) {
                        outcome.outcome =
                                EXCHANGE_UNAVAILABLE; /* no memory for it: as good as not granted */
                }
        }
        const struct key_state *key = keyring_find(&refresh->keyring, key_serial);
        bool unproven = key && (!key->proven || key->refused);
        environment->view.n_outcomes[outcome.outcome]++;
        environment->view.n_answered++;
        struct refresh_step step = refresh_on_outcome(refresh, &outcome, now_usec, random_bits());
        if (environment->asked_lifetime_sec != environment->settings->lifetime_sec) {
                refresh_on_lifetime(refresh); /* a reload came in between */
        }
        if (step.adopted) {
                environment->last_serial = outcome.token_serial;
                environment->view.last_refresh_usec = now_usec;
                environment->view.n_failures_in_row = 0;
                (void)session_unref(environment->session);
                environment->session = take_ptr(session);
                environment->session_key = key_serial;
                if (unproven) {
                        environment_log_proven(&environment->view, label);
                }
                environment_log_granted(&environment->view, environment->session, label, now_usec);
        } else {
                environment->view.n_failures_in_row++;
                struct exchange_report told = *report;
                if (report->outcome == EXCHANGE_GRANTED) {
                        told.outcome = EXCHANGE_UNAVAILABLE;
                        (void)snprintf(told.why, sizeof(told.why), "%s",
                                       session ? "the token's lifetime was over when it arrived"
                                               : "out of memory for the token");
                }
                note_trouble(environment, &told, label, now_usec);
                environment_log_failure(&environment->view, environment->session, told.outcome, told.why,
                                        label, now_usec);
        }
        environment->exchange = free_exchange(environment->exchange);
        carry_out(environment, &step, now_usec);
        tell_news(environment);
}

/* The exchange could not even be started: the machine hears of it as of any other failure. */
static void on_start_failed(struct environment *environment, int error)
{
        struct exchange_report report = { .outcome = EXCHANGE_UNAVAILABLE,
                                          .retry_after_sec = RETRY_AFTER_NONE,
                                          .excerpt.code = INT64_MIN };

        (void)snprintf(report.why, sizeof(report.why), "the request could not be made: %s",
                       strerror(-error));
        on_exchange_done(&report, environment);
}

static int send_request(struct environment *environment, uint64_t key_serial)
{
        const struct access_key *key = key_files_find(environment->tools.keys, key_serial);

        return key ? exchange_start(&environment->exchange, environment->tools.curl, environment->settings,
                                    key, on_exchange_done, environment)
                   : -ENOKEY;
}

static void start_exchange(struct environment *environment, uint64_t key_serial)
{
        environment->view.n_exchanges++;
        environment->asked_lifetime_sec = environment->settings->lifetime_sec;
        if (environment->watcher.on_sent) {
                environment->watcher.on_sent(environment->watcher.userdata);
        }
        int r = send_request(environment, key_serial);
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
                uint64_t until = refresh_limited_until(&environment->view.refresh, NULL);
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

static void carry_out(struct environment *environment, const struct refresh_step *step, uint64_t now_usec)
{
        if (step->expired) {
                environment->session = session_unref(environment->session);
                journal_say(&(struct journal_record){ .priority = LOG_ERR,
                                                      .id = EVENT_TOKEN_EXPIRED,
                                                      .environment = environment->view.name },
                            "the token in hand has expired and there is no newer one");
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
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct environment *environment = userdata;

        /* Calls environment_keys_changed(), so it must not be called where a step is carried out. */
        (void)key_files_look(environment->tools.keys);
        uint64_t now_usec = clock_now_usec();
        struct refresh_step step = refresh_on_timer(&environment->view.refresh, now_usec);
        carry_out(environment, &step, now_usec);
        tell_change(environment);
        return 0;
}

/* ---- what others ask ---- */

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
        struct refresh_step step = refresh_on_keys(&environment->view.refresh, names, n, now_usec);

        tell_keys(environment, names, n);
        carry_out(environment, &step, now_usec);
        tell_news(environment);
}

struct session *environment_session(const struct environment *environment, uint64_t now_usec)
{
        return session_alive(environment->session, now_usec) ? environment->session : NULL;
}

enum refresh_verdict environment_demand(struct environment *environment, uint32_t min_ttl_sec,
                                        uint64_t now_usec)
{
        struct refresh_step step;
        enum refresh_verdict verdict =
                refresh_on_demand(&environment->view.refresh, min_ttl_sec, now_usec, &step);
        carry_out(environment, &step, now_usec);
        tell_change(environment);
        return verdict;
}

enum refresh_verdict environment_report(struct environment *environment, const char *ust, size_t length,
                                        uint64_t now_usec)
{
        struct session *session = environment_session(environment, now_usec);
        bool current = session && session_has_token(session, ust, length);
        uint64_t reported_before = environment->view.refresh.reported_serial;
        struct refresh_step step;
        enum refresh_verdict verdict = refresh_on_report(&environment->view.refresh,
                                                         current ? session->serial : 0, now_usec, &step);

        if (environment->view.refresh.reported_serial != reported_before) {
                journal_say(
                        &(struct journal_record){ .priority = LOG_NOTICE,
                                                  .id = EVENT_TOKEN_REPORTED,
                                                  .environment = environment->view.name },
                        "a caller reports that the upstream refused the current token: getting another one");
        }
        carry_out(environment, &step, now_usec);
        tell_change(environment);
        return verdict;
}

enum refresh_verdict environment_operator_refresh(struct environment *environment, bool new_account,
                                                  uint64_t now_usec)
{
        struct refresh_step step;

        (void)new_account;
        if (key_files_look(environment->tools.keys)) {
                now_usec = clock_now_usec(); /* no step back in time */
        }
        enum refresh_verdict verdict = refresh_on_operator(&environment->view.refresh, now_usec, &step);
        carry_out(environment, &step, now_usec);
        tell_change(environment);
        return verdict;
}

/* ---- life ---- */

void environment_configure(struct environment *environment, const struct environment_settings *settings)
{
        const struct environment_settings *old = environment->settings;
        bool moved = old && !streq(old->base_url, settings->base_url);

        if (old && old->lifetime_sec != settings->lifetime_sec) {
                refresh_on_lifetime(&environment->view.refresh);
        }
        environment->settings = settings;
        (void)snprintf(environment->view.base_url, sizeof(environment->view.base_url), "%s",
                       settings->base_url);
        environment->view.exchange_timeout_usec = settings->exchange_timeout_usec;
        if (moved) {
                environment->exchange = free_exchange(environment->exchange);
                environment->session = session_unref(environment->session);
                refresh_move(&environment->view.refresh);
                environment->view.trouble.any = false;
                environment->view.n_failures_in_row = 0;
        }
}

void environment_restore(struct environment *environment, const struct refresh_past *past,
                         struct session *session, const struct refresh_token *token,
                         const struct key_name *key)
{
        refresh_restore(&environment->view.refresh, past, token, session ? session->serial : 0, key);
        if (session) {
                environment->session = session_ref(session);
                environment->session_key = key->serial;
                environment->last_serial = session->serial;
                environment->view.last_refresh_usec = session->sent_usec;
        }
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
                key_files_retain(environment->tools.keys, environment->view.name, NULL, 0);
                sd_event_source_disable_unref(environment->timer);
                environment->session = session_unref(environment->session);
                free(environment);
        }
        return NULL;
}

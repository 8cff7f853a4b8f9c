/* The daemon's work done once: one environment, or one key, on a loop of its own.
 *
 * A token is obtained by the same environment, refresh machine and upstream as in the daemon; look() is
 * called at each of its news and decides whether to wait on. The one thing that is added is a last attempt
 * shortly before the deadline where the machine's next pause would go past it: so the time that was given is
 * used. */
#include "daemon/once.h"

#include "daemon/base/clock.h"
#include "daemon/base/event_loop.h"
#include "daemon/base/journal.h"
#include "daemon/base/signals.h"
#include "daemon/keeper/environment.h"
#include "daemon/keeper/key_file.h"
#include "daemon/verdict.h"
#include "lib/duration.h"
#include "lib/nearest_name.h"
#include "lib/util.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#define LAST_ATTEMPT_USEC (3 * USEC_PER_SEC) /* before the deadline; less where little is left */
#define WHY_MAX           320

struct once {
        const struct settings *settings;
        const char *name; /* of the environment */
        struct environment_tools tools;
        sd_event_source *signals[2], *deadline, *last_attempt;
        bool over;

        /* --once */
        struct environment *environment;
        uint64_t deadline_usec;
        bool last_attempt_set;

        /* --try-key */
        struct access_key *key;
        struct exchange *exchange;
};

/* ---- how it ends ---- */

static void end(struct once *once, int code)
{
        if (!once->over) {
                once->over = true;
                (void)sd_event_exit(once->tools.event, code);
        }
}

static void say(const struct once *once, int priority, const char *format, ...) _printf_(3, 4);

static void say(const struct once *once, int priority, const char *format, ...)
{
        char text[WHY_MAX + 256];
        va_list arguments;

        va_start(arguments, format);
        (void)vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        journal_say(&(struct journal_record){ .priority = priority, .environment = once->name }, "%s", text);
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
        end(userdata, BROKER_EXIT_SIGNAL + (int)info->ssi_signo);
        return 0;
}

/* ---- a token ---- */

static void give_up(struct once *once)
{
        const struct environment_trouble *trouble = &once->environment->view.trouble;
        enum exchange_outcome outcome = trouble->any ? trouble->outcome : EXCHANGE_UNAVAILABLE;
        enum answer_kind kind = trouble->any ? trouble->kind : ANSWER_PLAIN;
        char why[EXCHANGE_WHY_MAX];

        say(once, LOG_ERR, "no token: %s (%s)", verdict_words(outcome, kind),
            trouble->any ? environment_view_trouble(&once->environment->view, why)
                         : "there was no answer before the deadline");
        end(once, verdict_exit_code(outcome, kind));
}

/* No key file gives a key: because there is none, or because we may not read it? */
static void give_up_without_key(struct once *once)
{
        const struct key_refusals *refusals = key_files_refusals(once->tools.keys);
        bool denied = false;

        for (size_t i = 0; i < refusals->n; i++) {
                const struct key_refusal *refusal = &refusals->list[i];
                denied = denied || (refusal->denied &&
                                    (streq(refusal->environment, once->name) || streq(refusal->file, ".")));
        }
        say(once, LOG_ERR, "no token: %s access key in %s", denied ? "may not read the" : "there is no",
            key_files_directory(once->tools.keys));
        end(once, denied ? BROKER_EXIT_PERMISSION : BROKER_EXIT_NO_KEY);
}

static int on_last_attempt(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct once *once = userdata;
        struct refresh_obstacle obstacle;

        (void)environment_operator_refresh(once->environment, /* new_account= */ false, clock_now_usec(),
                                           &obstacle);
        return 0;
}

/* True if a last attempt is still to come. */
static bool set_last_attempt(struct once *once, uint64_t now_usec)
{
        uint64_t left = usec_sub(once->deadline_usec, now_usec);

        if (once->last_attempt_set || once->environment->view.trouble.outcome != EXCHANGE_UNAVAILABLE ||
            left < 2 * REFRESH_FLOOR_USEC) {
                return false;
        }
        once->last_attempt_set = true;
        return sd_event_add_time(once->tools.event, &once->last_attempt, CLOCK_BOOTTIME,
                                 once->deadline_usec - MIN_OF(left / 2, LAST_ATTEMPT_USEC), 1,
                                 on_last_attempt, once) >= 0;
}

/* Was every key asked, and none answered with something that passes? */
static bool waiting_cannot_help(const struct once *once)
{
        const struct environment_view *view = &once->environment->view;
        const struct keyring *keyring = &view->refresh.keyring;

        for (size_t i = 0; i < keyring->n; i++) {
                if (keyring->keys[i].heard != KEY_FAILED) {
                        return false;
                }
        }
        return verdict_exit_code(view->trouble.outcome, view->trouble.kind) != BROKER_EXIT_TRY_LATER;
}

/* Is there still something to wait for? */
static void look(struct environment *environment, void *userdata)
{
        struct once *once = userdata;
        uint64_t now_usec = clock_now_usec();

        if (once->over) {
                return;
        }
        if (environment_session(environment, now_usec)) {
                end(once, 0);
        } else if (!environment_view_configured(&environment->view)) {
                give_up_without_key(once);
        } else if (environment->view.refresh.in_flight || environment->view.refresh.round) {
                return;
        } else if (waiting_cannot_help(once) ||
                   (refresh_next_usec(&environment->view.refresh) >= once->deadline_usec &&
                    !set_last_attempt(once, now_usec))) {
                give_up(once);
        }
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct once *once = userdata;

        if (!once->over) {
                give_up(once);
        }
        return 0;
}

static void on_keys_changed(void *userdata)
{
        struct once *once = userdata;

        if (once->environment) {
                environment_keys_changed(once->environment);
        }
}

static int start_environment(struct once *once, const struct environment_settings *settings)
{
        const struct environment_watcher watcher = { .on_change = look, .userdata = once };

        int r = sd_event_add_time(once->tools.event, &once->deadline, CLOCK_BOOTTIME, once->deadline_usec, 1,
                                  on_deadline, once);
        if (r < 0) {
                return r;
        }
        key_files_load(once->tools.keys);
        r = environment_new(&once->environment, &once->tools, settings, &watcher);
        if (r >= 0) {
                environment_keys_changed(once->environment);
        }
        return r;
}

static int print(struct once *once, enum token_format format)
{
        uint64_t now_usec = clock_now_usec();
        const struct session *session = environment_session(once->environment, now_usec);

        if (!session) {
                say(once, LOG_ERR, "no token: it has expired already");
                return BROKER_EXIT_TRY_LATER;
        }
        int r = token_print(STDOUT_FILENO, format, &once->environment->view, session, now_usec);
        if (r < 0) {
                say(once, LOG_ERR, "cannot write the token to standard output: %s", strerror(-r));
                return BROKER_EXIT_INTERNAL;
        }
        return 0;
}

/* ---- a key ---- */

static void on_tried(const struct exchange_report *report, void *userdata)
{
        struct once *once = userdata;
        char life[DURATION_TEXT_MAX];

        if (report->outcome == EXCHANGE_GRANTED) {
                say(once, LOG_NOTICE,
                    "the upstream accepts the access key: it is of the account %s, and its tokens live for "
                    "%s",
                    report->grant->mage_id,
                    duration_format(report->grant->lifetime_sec * USEC_PER_SEC, life));
                /* The verdict is the exit code: it stands even where nobody reads the account. */
                (void)printf("%s\n", report->grant->mage_id);
                (void)fflush(stdout);
        } else {
                say(once, LOG_ERR, "%s (%s)", verdict_words(report->outcome, report->kind), report->why);
        }
        end(once, verdict_exit_code(report->outcome, report->kind));
}

/* ---- life ---- */

static bool is_known_environment(const char *name, void *userdata)
{
        const struct once *once = userdata;
        return settings_environment(once->settings, name) != NULL;
}

/* The signals are taken as long as the loop runs; after it they do what they always do. */
static int take_signals(struct once *once)
{
        const int numbers[ARRAY_SIZE(once->signals)] = { SIGTERM, SIGINT };
        int r = signals_hold(/* reload_too= */ false);

        for (size_t i = 0; i < ARRAY_SIZE(numbers) && r >= 0; i++) {
                r = sd_event_add_signal(once->tools.event, &once->signals[i], numbers[i], on_signal, once);
        }
        return r;
}

static void leave_signals(struct once *once)
{
        sigset_t none;

        for (size_t i = 0; i < ARRAY_SIZE(once->signals); i++) {
                once->signals[i] = sd_event_source_disable_unref(once->signals[i]);
        }
        (void)sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static int open_once(struct once *once, const struct settings *settings)
{
        static const uint8_t no_salt[KEYED_SALT_SIZE]; /* no digest leaves the process, or outlives it */
        struct environment_tools *tools = &once->tools;

        once->settings = settings;
        tools->salt = no_salt;
        tools->ledger = calloc(1, sizeof(*tools->ledger));
        if (!tools->ledger) {
                return -ENOMEM;
        }
        int r = sd_event_new(&tools->event);
        if (r < 0) {
                return r;
        }
        r = curl_loop_new(&tools->curl, tools->event);
        if (r < 0) {
                return r;
        }
        r = key_files_new(&tools->keys, tools->event, settings->keys_directory,
                          settings->default_keys_directory, settings->key_permissions_relaxed,
                          is_known_environment, on_keys_changed, once);
        return r < 0 ? r : take_signals(once);
}

static void close_once(struct once *once)
{
        leave_signals(once);
        once->exchange = exchange_free(once->exchange);
        once->key = access_key_free(once->key);
        if (once->environment) {
                once->environment = environment_free(once->environment);
        }
        free(once->tools.ledger);
        once->tools.keys = key_files_free(once->tools.keys);
        once->tools.curl = curl_loop_free(once->tools.curl);
        sd_event_source_disable_unref(once->deadline);
        sd_event_source_disable_unref(once->last_attempt);
        sd_event_unref(once->tools.event);
}

/* Says why there was no beginning; returns the exit code. */
static int give_up_at_once(const struct once *once, int error)
{
        say(once, LOG_ERR, "cannot ask the upstream: %s", strerror(-error));
        return BROKER_EXIT_INTERNAL;
}

/* Runs the loop; returns the exit code. */
static int run(struct once *once)
{
        int r = event_loop_run(once->tools.event);

        leave_signals(once);
        return r < 0 ? give_up_at_once(once, r) : r;
}

static const struct environment_settings *find(const struct settings *settings, const char *name)
{
        const struct environment_settings *found = settings_environment(settings, name);
        const char *names[SETTINGS_ENVIRONMENTS_MAX];
        char guess[NEAREST_NAMES_TEXT_MAX];

        if (!found) {
                for (size_t i = 0; i < settings->n_environments; i++) {
                        names[i] = settings->environments[i].name;
                }
                journal_say(&(struct journal_record){ .priority = LOG_ERR },
                            "there is no environment of that name; %s (others need a section [environment "
                            "NAME] in the configuration)",
                            nearest_names(name, names, MIN_OF(settings->n_environments, (size_t)16), guess,
                                          sizeof(guess)));
        }
        return found;
}

int once_token(const struct settings *settings, const char *environment, enum token_format format,
               uint64_t deadline_usec)
{
        _cleanup_(close_once) struct once once = { 0 };
        const struct environment_settings *found = find(settings, environment);

        if (!found) {
                return BROKER_EXIT_CONFIGURATION;
        }
        once.name = found->name;
        once.deadline_usec = clock_now_usec() + deadline_usec;
        int r = open_once(&once, settings);
        if (r < 0) {
                return give_up_at_once(&once, r);
        }
        r = start_environment(&once, found);
        if (r < 0) {
                return give_up_at_once(&once, r);
        }
        r = run(&once);
        return r == 0 ? print(&once, format) : r;
}

int once_try_key(const struct settings *settings, const char *environment)
{
        _cleanup_(close_once) struct once once = { 0 };
        const struct environment_settings *found = find(settings, environment);
        char why[WHY_MAX];

        if (!found) {
                return BROKER_EXIT_CONFIGURATION;
        }
        once.name = found->name;
        int r = key_file_read_line(STDIN_FILENO, &once.key, why, sizeof(why));
        if (r < 0) {
                say(&once, LOG_ERR, "no access key on standard input: %s", why);
                return r == -ENOMEM ? BROKER_EXIT_INTERNAL : BROKER_EXIT_NO_KEY;
        }
        r = open_once(&once, settings);
        if (r < 0) {
                return give_up_at_once(&once, r);
        }
        const struct access_key *keys[] = { once.key };
        r = exchange_start(&once.exchange, once.tools.curl, found, keys, ARRAY_SIZE(keys), on_tried, &once);
        return r < 0 ? give_up_at_once(&once, r) : run(&once);
}

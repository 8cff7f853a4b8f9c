/* Key take-up. The daemon watches its directory, and gives every new content of a file a new serial: that is
 * how one sees that it has read the file. Then it tries the key, once and soon, also a spare; when no
 * exchange is under way any more and no trial is near, the key's state is the result. */
#include "ctl/key_takeup.h"

#include "ctl/complain.h"
#include "ctl/daemon_status.h"
#include "ctl/fields.h"
#include "ctl/key_words.h"
#include "ctl/scope.h"
#include "ctl/text.h"
#include "lib/duration.h"
#include "lib/refresh_budget.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#define WAIT_MAX_SEC 20

/* A state that looks the same as before, a file that is not used or a key that was there, is taken for old
 * news for so long. */
#define OLD_NEWS_MAX_SEC 3

enum progress {
        NOT_SEEN, /* the daemon knows nothing of the file yet */
        TRYING,
        TAKEN_UP,
        REFUSED_FILE, /* the daemon does not use the file */
};

static int64_t serial_of(struct json_object *status, const struct key_file_name *name)
{
        return field_count(daemon_status_key(status, name->environment, name->label), "serial");
}

static int64_t exchanges_of(struct json_object *status, const struct key_file_name *name)
{
        return field_count(field_object(daemon_status_environment(status, name->environment), "exchanges"),
                           "total");
}

void key_takeup_begin(struct key_takeup *ret_takeup, const char *address, const struct key_file_name *name)
{
        _cleanup_(json_putp) struct json_object *status = NULL;
        struct key_takeup takeup = { 0 };

        takeup.error = eqp_broker_open(&takeup.broker, address, "eqpctl");
        if (takeup.error == 0) {
                takeup.error = daemon_status_get(takeup.broker, &status);
        }
        takeup.serial = serial_of(status, name);
        takeup.total = exchanges_of(status, name);
        takeup.refused = daemon_status_refusal(status, name->file) != NULL;
        *ret_takeup = takeup;
}

void key_takeup_clear(struct key_takeup *takeup)
{
        takeup->broker = eqp_broker_free(takeup->broker);
}

static enum progress progress_of(const struct key_takeup *takeup, struct json_object *status,
                                 const struct key_file_name *name, bool unchanged)
{
        struct json_object *environment = daemon_status_environment(status, name->environment);
        struct json_object *key = daemon_status_key(status, name->environment, name->label);
        int64_t serial = serial_of(status, name), trial_sec;

        if (serial == 0 || (serial == takeup->serial && !unchanged)) {
                return daemon_status_refusal(status, name->file) ? REFUSED_FILE : NOT_SEEN;
        }
        if (field_truth(environment, "exchange_in_flight") ||
            (field_seconds(key, "trial_in_sec", &trial_sec) && trial_sec < WAIT_MAX_SEC)) {
                return TRYING;
        }

        return TAKEN_UP;
}

/* The daemon may not have looked yet. */
static bool is_old_news(const struct key_takeup *takeup, struct json_object *status,
                        const struct key_file_name *name, bool unchanged, enum progress progress)
{
        return (progress == REFUSED_FILE && takeup->refused) ||
               (progress == TAKEN_UP && unchanged && serial_of(status, name) == takeup->serial &&
                exchanges_of(status, name) == takeup->total);
}

/* ---- the result in words ---- */

/* The answer to this key, or about it. */
static void read_trouble(char *ret_why, size_t size, struct json_object *environment,
                         const struct key_file_name *name)
{
        struct json_object *trouble = field_object(environment, "last_trouble");
        bool ours = trouble && streq(field_text(trouble, "key"), name->label);

        text_clean(ret_why, size, ours ? field_text(trouble, "message") : "", /* unicode= */ true);
}

static int tell_refused(struct json_object *environment, struct json_object *key,
                        const struct key_file_name *name)
{
        const char *cause = field_text(key, "cause"), *what = "the EQP API refused it";
        char why[1024], wait[DURATION_TEXT_MAX], again[DURATION_TEXT_MAX + 32] = "";
        int64_t trial_sec;

        if (streq(cause, "other_account")) {
                what = "it is of another account and is not used; --new-account changes that";
        } else if (streq(cause, "outdone")) {
                what = "it obtained no token, where another key did";
        }
        read_trouble(why, sizeof(why), environment, name);
        if (field_seconds(key, "trial_in_sec", &trial_sec)) {
                (void)snprintf(again, sizeof(again), " It will try again in %s.",
                               duration_format((uint64_t)trial_sec * USEC_PER_SEC, wait));
        }
        complain("The daemon tried the key, and %s%s%s%s.%s%s", what, why[0] != '\0' ? " (" : "", why,
                 why[0] != '\0' ? ")" : "", again,
                 field_truth(key, "kept_old") ? " The key from before stays in use until this one works."
                                              : "");
        return EXIT_FAILED;
}

/* Nothing is wrong with the key as far as anybody knows. */
static int tell_untried(struct json_object *environment, struct json_object *key,
                        const struct key_file_name *name)
{
        int64_t trials = field_count(field_object(environment, "exchanges"), "trial_last_hour");
        char why[1024], wait[DURATION_TEXT_MAX];
        int64_t trial_sec;
        bool waits = field_seconds(key, "trial_in_sec", &trial_sec);

        read_trouble(why, sizeof(why), environment, name);
        if (waits && trial_sec > 0 && trials >= REFRESH_WISH_SHARE) {
                (void)snprintf(why, sizeof(why),
                               "keys were tried %d times within the hour, which is the most", (int)trials);
        } else if (why[0] == '\0' && field_count(environment, "failures_in_row") > 0) {
                text_clean(why, sizeof(why),
                           field_text(field_object(environment, "last_trouble"), "message"),
                           /* unicode= */ true);
        }
        (void)printf("The daemon has taken it up, and has not tried it yet%s%s. %s%s.\n",
                     why[0] != '\0' ? ": " : "", why,
                     waits ? "It will in " : "It goes on trying to get a token",
                     waits ? duration_format((uint64_t)trial_sec * USEC_PER_SEC, wait) : "");
        return EXIT_DONE;
}

static int tell_taken_up(struct json_object *status, const struct key_file_name *name)
{
        struct json_object *environment = daemon_status_environment(status, name->environment);
        struct json_object *key = daemon_status_key(status, name->environment, name->label);
        const char *state = field_text(key, "state");

        if (streq(state, "refused")) {
                return tell_refused(environment, key, name);
        }
        if (!streq(state, "good")) {
                return tell_untried(environment, key, name);
        }
        (void)printf("The daemon has taken it up and tried it: it works%s.\n",
                     key_is_in_use(environment, key) ? ", and is in use" : " and stands by");
        return EXIT_DONE;
}

static int tell_unknown_environment(const struct key_file_name *name)
{
        complain("The daemon that runs knows no environment %s, or you may not use it. If it is new in the "
                 "configuration: eqpctl reload",
                 name->environment);
        return EXIT_FAILED;
}

static int tell_refused_file(struct json_object *status, const struct key_file_name *name)
{
        char why[1024];

        if (!daemon_status_environment(status, name->environment)) {
                return tell_unknown_environment(name);
        }

        text_clean(why, sizeof(why), daemon_status_refusal(status, name->file), /* unicode= */ true);
        complain("The daemon does not use the file: %s.", why);
        return EXIT_FAILED;
}

static int tell_not_seen(struct json_object *status, const struct key_file_name *name)
{
        if (!daemon_status_environment(status, name->environment)) {
                return tell_unknown_environment(name);
        }

        complain(
                "The daemon did not take the key up within %d s. Does it read another directory, or get its "
                "keys from systemd as credentials (eqp-broker-keys(5))? See: eqpctl doctor",
                WAIT_MAX_SEC);
        return EXIT_FAILED;
}

static int tell_no_answer(const struct key_takeup *takeup, int error)
{
        if (error == -ECONNREFUSED) {
                (void)printf("No daemon runs: it will use the key when it starts.%s\n",
                             scope_is_user() ? " For that: systemctl --user enable --now eqp-brokerd.socket"
                                             : "");
                return EXIT_DONE;
        }

        complain("The daemon's view of it is not known: %s",
                 takeup->broker     ? eqp_broker_error_message(takeup->broker)
                 : error == -EINVAL ? "that is not the address of a broker."
                                    : "out of memory.");
        return EXIT_DONE;
}

static uint64_t now_usec(void)
{
        struct timespec now;

        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}

int key_takeup_finish(struct key_takeup *takeup, const struct key_file_name *name, bool unchanged)
{
        const struct timespec pause = { .tv_nsec = 100 * 1000 * 1000 };
        uint64_t begin_usec = now_usec(), end_usec = begin_usec + WAIT_MAX_SEC * USEC_PER_SEC;
        uint64_t old_news_usec = begin_usec + OLD_NEWS_MAX_SEC * USEC_PER_SEC;

        if (takeup->error < 0) {
                return tell_no_answer(takeup, takeup->error);
        }

        for (;;) {
                _cleanup_(json_putp) struct json_object *status = NULL;
                enum progress progress;
                uint64_t now = now_usec();
                int r;

                r = daemon_status_get(takeup->broker, &status);
                if (r < 0) {
                        return tell_no_answer(takeup, r);
                }

                progress = progress_of(takeup, status, name, unchanged);
                if (now < old_news_usec && is_old_news(takeup, status, name, unchanged, progress)) {
                        progress = NOT_SEEN;
                }
                if (progress == TAKEN_UP) {
                        return tell_taken_up(status, name);
                }
                if (progress == REFUSED_FILE) {
                        return tell_refused_file(status, name);
                }
                if (now >= end_usec && progress == NOT_SEEN) {
                        return tell_not_seen(status, name);
                }
                if (now >= end_usec) {
                        (void)puts("The daemon has taken it up, and is still trying it. See: eqpctl status");
                        return EXIT_DONE;
                }
                (void)nanosleep(&pause, NULL);
        }
}

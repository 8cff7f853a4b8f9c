/* Key take-up. The daemon watches its directory, and gives every new content of a file a new serial: that is
 * how one sees that it has read the file. Then it may try the key; when no exchange is under way any more,
 * the key's state is the result. */
#include "ctl/key_takeup.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "ctl/complain.h"
#include "ctl/daemon_status.h"
#include "ctl/fields.h"
#include "ctl/text.h"
#include "lib/duration.h"

#define WAIT_MAX_SEC 20

/* What was refused before may look the same after: for so long it is taken for old news. */
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

static bool is_refused(struct json_object *status, const struct key_file_name *name)
{
        struct json_object *key = daemon_status_key(status, name->environment, name->label);

        return streq(field_text(key, "state"), "refused") || daemon_status_refusal(status, name->file);
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
        takeup.refused = is_refused(status, name);
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
        int64_t serial = serial_of(status, name);

        if (serial == 0 || (serial == takeup->serial && !unchanged)) {
                return daemon_status_refusal(status, name->file) ? REFUSED_FILE : NOT_SEEN;
        }
        if (streq(field_text(key, "state"), "trial") || field_truth(environment, "exchange_in_flight")) {
                return TRYING;
        }

        return TAKEN_UP;
}

/* ---- the result in words ---- */

static int tell_taken_up(struct json_object *status, const struct key_file_name *name)
{
        struct json_object *environment = daemon_status_environment(status, name->environment);
        struct json_object *key = daemon_status_key(status, name->environment, name->label);
        const char *state = field_text(key, "state");
        char why[1024], rest[DURATION_TEXT_MAX];
        int64_t rest_sec = 0;

        if (streq(state, "refused")) {
                (void)field_seconds(key, "rest_sec", &rest_sec);
                text_clean(why, sizeof(why),
                           field_text(field_object(environment, "last_trouble"), "message"),
                           /* unicode= */ true);
                complain("The daemon tried the key, and the EQP API refused it (%s). It will try again in "
                         "%s.%s",
                         why, duration_format((uint64_t)rest_sec * USEC_PER_SEC, rest),
                         field_truth(key, "kept_old") ? " Until then the key from before stays in use."
                                                      : "");
                return EXIT_FAILED;
        }
        if (!streq(state, "active")) {
                (void)puts(
                        "The daemon has taken it up: it is a spare, to be used when the keys before it are "
                        "refused.");
        } else if (streq(field_text(environment, "state"), "valid")) {
                (void)puts("The daemon has taken it up: it is in use.");
        } else {
                (void)puts("The daemon has taken it up, and is getting a token with it.");
        }
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
                (void)puts("No daemon runs: it will use the key when it starts.");
                return EXIT_DONE;
        }

        complain("What the daemon makes of it cannot be told: %s",
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
                if (now < old_news_usec && takeup->refused && is_refused(status, name) &&
                    (unchanged || progress == REFUSED_FILE)) {
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
                        (void)puts("The daemon has taken it up, and is still trying it.");
                        return EXIT_DONE;
                }
                (void)nanosleep(&pause, NULL);
        }
}

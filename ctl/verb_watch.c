/* Verb watch: hands each new token on, to a file and to a command.
 *
 * One loop, which sleeps in the library's wait for the next token. Signals, the end of a command and moments
 * end that wait (ctl/watch_events.h), are looked at, and it begins again. The work on the token
 * in hand is noted as due; a newer one takes its place, so that of a burst only the last one is handed on.
 *
 * A daemon that is away is asked again after pauses that grow to 10 s. That it is away is said once, and
 * once that it is back. */
#include "ctl/complain.h"
#include "ctl/notify.h"
#include "ctl/token.h"
#include "ctl/token_command.h"
#include "ctl/token_file.h"
#include "ctl/token_text.h"
#include "ctl/unknown_environment.h"
#include "ctl/verbs.h"
#include "ctl/watch_events.h"
#include "lib/backoff.h"
#include "lib/secret.h"

#include <stdio.h>
#include <sys/random.h>

#define WAIT_SEC       EQP_BROKER_WAIT_MAX_SEC
#define WAIT_FIRST_SEC 2
/* A wait that ends so much earlier was no wait. */
#define EARLY_USEC      (USEC_PER_SEC)
#define RETRY_AFTER_MAX 10
#define TELL_AGAIN_USEC (30 * USEC_PER_SEC)
#define TIMEOUT_SEC     60
#define SLUG_MAX        64
#define FLOOR_USEC      (200 * USEC_PER_MSEC)

static const struct backoff_policy retry_policy = { 500 * USEC_PER_MSEC, 10 * USEC_PER_SEC, 50 };
/* A daemon that says "none yet" at once, again and again, is asked as seldom as one that waits. */
static const struct backoff_policy early_policy = { 500 * USEC_PER_MSEC, WAIT_SEC *USEC_PER_SEC, 0 };

struct watch {
        const struct options *options;
        struct eqp_broker *broker;
        struct watch_events events;
        struct eqp_broker_token *token; /* the latest; NULL: there was none yet */
        uint64_t ask_usec;              /* not before */
        unsigned failures, n_early;     /* in a row */
        char told_slug[SLUG_MAX];       /* the last message about the daemon; "": it is there */
        uint64_t told_usec;

        struct token_file file;
        bool file_is_due;
        unsigned file_failures;
        uint64_t file_usec;                    /* not before */
        char file_words[TOKEN_FILE_WORDS_MAX]; /* said of it; "": it is well */

        struct token_command command;
        bool command_is_due;

        struct notify notify;
        bool is_ready;
};

static void watch_end(struct watch *watch)
{
        token_command_stop(&watch->command);
        watch->token = eqp_broker_token_free(watch->token);
        watch->broker = eqp_broker_free(watch->broker);
        watch_events_close(&watch->events);
}

static uint32_t random_bits(void)
{
        uint32_t bits = 0;

        (void)!getrandom(&bits, sizeof(bits), 0); /* without, pauses have no jitter */
        return bits;
}

/* ---- the file ---- */

static int write_file(struct watch *watch, char words[static TOKEN_FILE_WORDS_MAX])
{
        size_t length = 0;
        _cleanup_secret_ char *text = token_text(watch->token, watch->options->format, &length);

        if (!text) {
                (void)snprintf(words, TOKEN_FILE_WORDS_MAX, "Out of memory.");
                return -ENOMEM;
        }
        return token_file_write(&watch->file, text, length, words);
}

static void hand_to_file(struct watch *watch, uint64_t now_usec)
{
        char words[TOKEN_FILE_WORDS_MAX] = "";

        if (!watch->file_is_due || now_usec < watch->file_usec) {
                return;
        }
        if (write_file(watch, words) >= 0) {
                if (watch->file_words[0] != '\0') {
                        complain("%s is written again.", watch->file.path);
                }
                watch->file_is_due = false;
                watch->file_failures = 0;
                watch->file_words[0] = '\0';
                return;
        }
        watch->file_failures++;
        watch->file_usec = now_usec + backoff_usec(&retry_policy, watch->file_failures, random_bits());
        if (!streq(words, watch->file_words)) {
                complain("%s", words);
                (void)snprintf(watch->file_words, sizeof(watch->file_words), "%s", words);
        }
}

/* ---- the daemon ---- */

/* May this be a mistake on the command line, or a right that is missing? It does not pass while one waits.
 */
static bool is_final(const struct watch *watch, int error)
{
        return !watch->token && (error == -EINVAL || error == -EACCES || error == -ENOENT);
}

/* At first not for long: without a token, that is said soon. */
static unsigned wait_sec(const struct watch *watch)
{
        return watch->token || watch->failures > 0 ? WAIT_SEC : WAIT_FIRST_SEC;
}

/* waited: the daemon had the request for as long as it was to. */
static void note_failure(struct watch *watch, int error, bool waited, uint64_t now_usec)
{
        const char *slug = eqp_broker_error_slug(watch->broker);
        unsigned after_sec = MIN_OF(eqp_broker_retry_after_sec(watch->broker), (unsigned)RETRY_AFTER_MAX);

        watch->failures++;
        watch->ask_usec = now_usec;
        if (error != -EAGAIN || !waited) { /* else another pause would cost time only */
                uint64_t pause_usec = backoff_usec(&retry_policy, watch->failures, random_bits());
                watch->ask_usec += MAX_OF(pause_usec, after_sec * USEC_PER_SEC);
        }
        if (watch->told_slug[0] == '\0' ||
            (!streq(slug, watch->told_slug) && now_usec - watch->told_usec >= TELL_AGAIN_USEC)) {
                (void)complain_broker(watch->broker, error);
                complain("Waiting for a token of %s.", watch->options->environment);
                (void)snprintf(watch->told_slug, sizeof(watch->told_slug), "%s", slug);
                watch->told_usec = now_usec;
        }
}

static void note_answer(struct watch *watch)
{
        if (watch->told_slug[0] != '\0') {
                complain("The broker answers again for %s.", watch->options->environment);
        }
        watch->told_slug[0] = '\0';
        watch->failures = 0;
}

/* Asks for the next token, until there is one or something else happens. EXIT_DONE, or why to end. */
static int ask(struct watch *watch, uint64_t began_usec)
{
        struct eqp_broker_token *next = NULL;
        unsigned sec = wait_sec(watch);
        int r = eqp_broker_get_next_token(watch->broker, watch->options->environment, watch->token, (int)sec,
                                          watch->events.fd, &next);
        uint64_t now_usec = watch_events_take(&watch->events);
        bool waited = now_usec - began_usec >= sec * USEC_PER_SEC - EARLY_USEC;

        watch->ask_usec = MAX_OF(began_usec + FLOOR_USEC, now_usec);
        if (r == -EINTR) {
                return EXIT_DONE;
        }
        if (r < 0 && is_final(watch, r)) {
                return complain_about_environment(watch->broker, r, watch->options->environment);
        }
        if (r < 0) {
                note_failure(watch, r, waited, now_usec);
                return EXIT_DONE;
        }
        note_answer(watch);
        if (next) {
                watch->token = eqp_broker_token_free(watch->token);
                watch->token = next;
                watch->n_early = 0;
                watch->file_is_due = watch->file.path;
                watch->file_usec = now_usec;
                watch->command_is_due = watch->command.argv;
        } else if (!waited) {
                watch->n_early++;
                watch->ask_usec = now_usec + backoff_usec(&early_policy, watch->n_early, 0);
        } else {
                watch->n_early = 0;
        }
        return EXIT_DONE;
}

/* ---- all of it ---- */

static void hand_on(struct watch *watch, uint64_t now_usec)
{
        token_command_look(&watch->command, now_usec);
        hand_to_file(watch, now_usec);
        /* The file first: the command may be one that has it read. */
        if (watch->command_is_due && watch->command.pid == 0 && !watch->file_is_due) {
                watch->command_is_due = false;
                token_command_start(&watch->command, watch->token, now_usec);
        }
        if (watch->token && !watch->is_ready && !watch->file_is_due && watch->command.pid == 0) {
                watch->is_ready = true;
                notify_ready(&watch->notify);
        }
}

/* With --once, after one attempt. */
static bool is_over(const struct watch *watch)
{
        return watch->options->once && watch->token && watch->command.pid == 0 &&
               (watch->file_failures > 0 || (!watch->file_is_due && !watch->command_is_due));
}

static int run(struct watch *watch)
{
        for (;;) {
                uint64_t now_usec = watch_events_take(&watch->events);

                if (watch->events.stop) { /* which is how it ends, unless it was to do something once */
                        return watch->options->once ? EXIT_FAILED : EXIT_DONE;
                }
                hand_on(watch, now_usec);
                if (is_over(watch)) {
                        return watch->file_failures > 0 || watch->command.failed ? EXIT_FAILED : EXIT_DONE;
                }

                bool may_ask = !(watch->options->once && watch->token);
                uint64_t wake_usec = watch->command.pid != 0 ? watch->command.end_usec : USEC_NEVER;
                wake_usec = watch->file_is_due ? MIN_OF(wake_usec, watch->file_usec) : wake_usec;
                if (may_ask && now_usec >= watch->ask_usec) {
                        watch_events_wake(&watch->events, wake_usec);
                        int code = ask(watch, now_usec);
                        if (code != EXIT_DONE) {
                                return code;
                        }
                        continue;
                }
                watch_events_wake(&watch->events, may_ask ? MIN_OF(wake_usec, watch->ask_usec) : wake_usec);
                watch_events_wait(&watch->events);
        }
}

int verb_watch(const struct options *options)
{
        _cleanup_(watch_end) struct watch watch = {
                .options = options,
                .events = { .fd = -1, .signal_fd = -1, .timer_fd = -1 },
                .file = { options->file, options->mode != 0 ? options->mode : TOKEN_FILE_MODE },
                .command = { .argv = options->command,
                             .limit_usec = (options->timeout_sec != 0 ? options->timeout_sec : TIMEOUT_SEC) *
                                           USEC_PER_SEC,
                             .end_usec = USEC_NEVER },
        };
        int r = watch_events_open(&watch.events); /* first: from here on a signal is an order to end well */

        if (r < 0) {
                complain("Signals cannot be taken: %s.", strerror(-r));
                return EXIT_FAILED;
        }
        int code = open_broker(&watch.broker, options->address);
        if (code != EXIT_DONE) {
                return code;
        }
        notify_take(&watch.notify);
        watch.command.signals = &watch.events.before;
        watch.command.ignores_pipe = watch.events.ignored_pipe;
        if (options->file) {
                token_file_tidy(&watch.file);
        }
        return run(&watch);
}

/* What is said of an environment. */
#include "daemon/keeper/environment_log.h"

#include "daemon/base/journal.h"
#include "lib/duration.h"
#include "lib/refresh_words.h"
#include "lib/util.h"

#include <stdio.h>

static const char *display_label(const char *label)
{
        return *label ? label : "no label";
}

/* Does another key of this label stand ready because this one was still to be proven? */
static bool old_key_is_kept(const struct environment *environment, const char *label)
{
        const struct keyring *keyring = &environment->refresh.keyring;

        for (size_t i = 0; i < keyring->n; i++) {
                if (keyring->keys[i].kept && streq(keyring->keys[i].label, label)) {
                        return true;
                }
        }
        return false;
}

/* "the token in hand lives on for 41min" or that there is none. */
static const char *describe_token(const struct environment *environment, uint64_t now_usec, char *text,
                                  size_t size)
{
        char life[DURATION_TEXT_MAX];

        if (!session_alive(environment->session, now_usec)) {
                return "no token is in hand";
        }
        (void)snprintf(text, size, "the token in hand lives on for %s",
                       duration_format(environment->session->expires_usec - now_usec, life));
        return text;
}

#define NEXT_TEXT_MAX (DURATION_TEXT_MAX + sizeof("in "))

/* "in 42s", "at once" or "never". */
static const char *describe_next(uint64_t next_usec, uint64_t now_usec, char text[static NEXT_TEXT_MAX])
{
        char wait[DURATION_TEXT_MAX];

        if (next_usec == USEC_NEVER) {
                return "never";
        }
        if (next_usec < now_usec + USEC_PER_SEC) {
                return "at once";
        }
        (void)snprintf(text, NEXT_TEXT_MAX, "in %s", duration_format(next_usec - now_usec, wait));
        return text;
}

/* What waiting mends is a warning; what is wrong with us, our key or our address is an error. */
static int priority_of(const struct environment *environment, enum exchange_outcome outcome)
{
        /* An outage of hours is told at its beginning, and then now and then. */
        bool repeated = environment->n_failures_in_row > 1 && environment->n_failures_in_row % 10 != 0;

        if (outcome == EXCHANGE_KEY_REFUSED) {
                return LOG_ERR;
        }
        if (repeated) {
                return LOG_DEBUG;
        }
        return outcome == EXCHANGE_REQUEST_REFUSED || outcome == EXCHANGE_MALFORMED ? LOG_ERR : LOG_WARNING;
}

void environment_say_failure(const struct environment *environment, enum exchange_outcome outcome,
                             const char *why, const char *label, uint64_t now_usec)
{
        uint64_t next = refresh_next_usec(&environment->refresh);
        bool refused = outcome == EXCHANGE_KEY_REFUSED;
        char token[96], wait[NEXT_TEXT_MAX];
        const char *what = "no new token";

        if (refused) {
                what = old_key_is_kept(environment, label) ? "the upstream refused the changed access key, "
                                                             "the one before it stays in use"
                                                           : "the upstream refused the access key";
        }
        journal_say(&(struct journal_record){ .priority = priority_of(environment, outcome),
                                              .id = refused ? EVENT_KEY_REFUSED : EVENT_EXCHANGE_FAILED,
                                              .environment = environment->name,
                                              .key = label },
                    "%s (key %s): %s; %s, next attempt %s", what, display_label(label), why,
                    describe_token(environment, now_usec, token, sizeof(token)),
                    describe_next(next, now_usec, wait));
}

void environment_say_granted(const struct environment *environment, const char *label, uint64_t now_usec)
{
        const struct refresh *refresh = &environment->refresh;
        char life[DURATION_TEXT_MAX], next[DURATION_TEXT_MAX];

        journal_say(&(struct journal_record){ .priority = LOG_INFO,
                                              .id = EVENT_TOKEN_OBTAINED,
                                              .environment = environment->name,
                                              .key = label },
                    "new token (key %s, %s), lives %s, next refresh in %s", display_label(label),
                    refresh_reason_name(refresh->in_flight_reason),
                    duration_format(environment->session->lifetime_sec * USEC_PER_SEC, life),
                    duration_format(usec_sub(refresh_next_usec(refresh), now_usec), next));
}

void environment_say_proven(const struct environment *environment, const char *label)
{
        journal_say(&(struct journal_record){ .priority = LOG_INFO,
                                              .id = EVENT_KEY_PROVEN,
                                              .environment = environment->name,
                                              .key = label },
                    "the upstream accepts the access key (%s), it is in use", display_label(label));
}

void environment_say_keys(const struct environment *environment, const struct key_name *names, size_t n)
{
        char list[KEYS_PER_ENVIRONMENT_MAX * (KEY_LABEL_MAX + 4)] = "";
        size_t length = 0;

        for (size_t i = 0; i < n && length < sizeof(list); i++) {
                int more = snprintf(list + length, sizeof(list) - length, "%s%s", i > 0 ? ", " : "",
                                    display_label(names[i].label));
                length += more > 0 ? (size_t)more : 0;
        }
        journal_say(&(struct journal_record){ .priority = n > 0 ? LOG_INFO : LOG_NOTICE,
                                              .id = EVENT_KEYS_LOADED,
                                              .environment = environment->name },
                    n > 0 ? "access keys, in the order in which they are tried: %s" : "no access key%s",
                    list);
}

/* Nothing has gone wrong in this process; but the one before may have used up what an hour allows. */
static void say_why_still_waiting(const struct refresh *refresh, uint64_t now_usec,
                                  char buffer[static ENVIRONMENT_WHY_MAX])
{
        uint64_t next = refresh_next_usec(refresh);
        enum refresh_limit limit;
        char wait[NEXT_TEXT_MAX];

        (void)refresh_limited_until(refresh, &limit);
        if (next <= now_usec || next == USEC_NEVER) {
                (void)snprintf(buffer, ENVIRONMENT_WHY_MAX, "waiting for the upstream's first answer");
                return;
        }
        (void)snprintf(buffer, ENVIRONMENT_WHY_MAX, "%s; next attempt %s",
                       limit == REFRESH_LIMIT_BUDGET        ? "the hourly budget of exchanges is used up"
                       : limit == REFRESH_LIMIT_RETRY_AFTER ? "the upstream asked for patience (Retry-After)"
                                                            : "waiting for the upstream's first answer",
                       describe_next(next, now_usec, wait));
}

const char *environment_why(const struct environment *environment, uint64_t now_usec,
                            char buffer[static ENVIRONMENT_WHY_MAX])
{
        const struct refresh *refresh = &environment->refresh;
        const struct environment_trouble *trouble = &environment->trouble;
        uint64_t next = refresh_next_usec(refresh);
        char wait[NEXT_TEXT_MAX];

        buffer[0] = '\0';
        if (environment_session(environment, now_usec)) {
                return buffer;
        }
        if (!environment_configured(environment)) {
                if (upstream_keys_are_credentials(environment->upstream)) {
                        (void)snprintf(
                                buffer, ENVIRONMENT_WHY_MAX,
                                "no access key: add LoadCredential=%s:FILE to the unit of the daemon, "
                                "as for its other keys",
                                environment->name);
                } else {
                        (void)snprintf(buffer, ENVIRONMENT_WHY_MAX,
                                       "no access key: run 'eqpctl key set %s', or put a key file %s "
                                       "into %s",
                                       environment->name, environment->name,
                                       upstream_keys_directory(environment->upstream));
                }
                return buffer;
        }
        if (!trouble->any) {
                say_why_still_waiting(refresh, now_usec, buffer);
                return buffer;
        }
        const char *what = "the upstream gave no token";
        if (trouble->outcome == EXCHANGE_KEY_REFUSED) {
                what = keyring_choose(&refresh->keyring, now_usec) ? "access key refused"
                                                                   : "access keys refused";
        } else if (trouble->outcome == EXCHANGE_UNAVAILABLE) {
                what = "the upstream is not available";
        } else if (trouble->outcome == EXCHANGE_THROTTLED) {
                what = "the upstream asks for patience";
        }
        (void)snprintf(buffer, ENVIRONMENT_WHY_MAX, "%s (key %s): %s; %s%s", what,
                       display_label(trouble->key_label), trouble->why,
                       refresh->in_flight ? "an attempt is under way" : "next attempt ",
                       refresh->in_flight ? "" : describe_next(next, now_usec, wait));
        return buffer;
}

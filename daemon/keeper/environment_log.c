/* What the journal is told of an environment. */
#include "daemon/keeper/environment_log.h"

#include "daemon/base/journal.h"
#include "lib/duration.h"
#include "lib/refresh_words.h"
#include "lib/util.h"

#include <stdio.h>

/* Does another key of this label stand ready because this one was still to be proven? */
static bool old_key_is_kept(const struct environment_view *view, const char *label)
{
        const struct keyring *keyring = &view->refresh.keyring;

        for (size_t i = 0; i < keyring->n; i++) {
                if (keyring->keys[i].kept && streq(keyring->keys[i].label, label)) {
                        return true;
                }
        }
        return false;
}

/* "the token in hand lives on for 41min" or that there is none. */
static const char *describe_token(const struct session *session, uint64_t now_usec, char *text, size_t size)
{
        char life[DURATION_TEXT_MAX];

        if (!session_alive(session, now_usec)) {
                return "no token is in hand";
        }
        (void)snprintf(text, size, "the token in hand lives on for %s",
                       duration_format(session->expires_usec - now_usec, life));
        return text;
}

/* What waiting mends is a warning; what is wrong with us, our key or our address is an error. */
static int priority_of(const struct environment_view *view, enum exchange_outcome outcome)
{
        /* An outage of hours is told at its beginning, and then now and then. */
        bool repeated = view->n_failures_in_row > 1 && view->n_failures_in_row % 10 != 0;

        if (outcome == EXCHANGE_KEY_REFUSED) {
                return LOG_ERR;
        }
        if (repeated) {
                return LOG_DEBUG;
        }
        return outcome == EXCHANGE_REQUEST_REFUSED || outcome == EXCHANGE_MALFORMED ? LOG_ERR : LOG_WARNING;
}

void environment_log_failure(const struct environment_view *view, const struct session *session,
                             enum exchange_outcome outcome, const char *why, const char *label,
                             uint64_t now_usec)
{
        uint64_t next = refresh_next_usec(&view->refresh);
        bool refused = outcome == EXCHANGE_KEY_REFUSED;
        char token[96], wait[ENVIRONMENT_NEXT_MAX];
        const char *what = "no new token";

        if (refused) {
                what = old_key_is_kept(view, label) ? "the upstream refused the changed access key, "
                                                      "the one before it stays in use"
                                                    : "the upstream refused the access key";
        }
        journal_say(&(struct journal_record){ .priority = priority_of(view, outcome),
                                              .id = refused ? EVENT_KEY_REFUSED : EVENT_EXCHANGE_FAILED,
                                              .environment = view->name,
                                              .key = label },
                    "%s (key %s): %s; %s, next attempt %s", what, environment_view_label(label), why,
                    describe_token(session, now_usec, token, sizeof(token)),
                    environment_view_next(next, now_usec, wait));
}

void environment_log_granted(const struct environment_view *view, const struct session *session,
                             const char *label, uint64_t now_usec)
{
        const struct refresh *refresh = &view->refresh;
        char life[DURATION_TEXT_MAX], next[DURATION_TEXT_MAX];

        journal_say(&(struct journal_record){ .priority = LOG_INFO,
                                              .id = EVENT_TOKEN_OBTAINED,
                                              .environment = view->name,
                                              .key = label },
                    "new token (key %s, %s), lives %s, next refresh in %s", environment_view_label(label),
                    refresh_reason_name(refresh->in_flight_reason),
                    duration_format(session->lifetime_sec * USEC_PER_SEC, life),
                    duration_format(usec_sub(refresh_next_usec(refresh), now_usec), next));
}

void environment_log_proven(const struct environment_view *view, const char *label)
{
        journal_say(&(struct journal_record){ .priority = LOG_INFO,
                                              .id = EVENT_KEY_PROVEN,
                                              .environment = view->name,
                                              .key = label },
                    "the upstream accepts the access key (%s), it is in use", environment_view_label(label));
}

void environment_log_keys(const struct environment_view *view, const struct key_name *names, size_t n)
{
        char list[KEYS_PER_ENVIRONMENT_MAX * (KEY_LABEL_MAX + 4)] = "";
        size_t length = 0;

        for (size_t i = 0; i < n && length < sizeof(list); i++) {
                int more = snprintf(list + length, sizeof(list) - length, "%s%s", i > 0 ? ", " : "",
                                    environment_view_label(names[i].label));
                length += more > 0 ? (size_t)more : 0;
        }
        journal_say(&(struct journal_record){ .priority = n > 0 ? LOG_INFO : LOG_NOTICE,
                                              .id = EVENT_KEYS_LOADED,
                                              .environment = view->name },
                    n > 0 ? "access keys, in the order in which they are tried: %s" : "no access key%s",
                    list);
}

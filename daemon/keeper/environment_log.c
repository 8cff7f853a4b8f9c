/* An environment's events in the journal. */
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

/* A failure that waiting cures is a warning; a fault of ours, our key or our address is an error. A page in
 * the place of an answer mostly goes away by itself. */
static int priority_of(const struct environment_view *view, const struct failed_exchange *failed)
{
        bool page = view->trouble.kind == ANSWER_BLOCK_PAGE || view->trouble.kind == ANSWER_MAINTENANCE_PAGE;

        if (failed->repeated) {
                return failed->outcome == EXCHANGE_OTHER_ACCOUNT && !failed->trial ? LOG_ERR : LOG_DEBUG;
        }
        return page || failed->outcome == EXCHANGE_UNAVAILABLE || failed->outcome == EXCHANGE_THROTTLED
                       ? LOG_WARNING
                       : LOG_ERR;
}

static const char *describe_failure(const struct environment_view *view,
                                    const struct failed_exchange *failed)
{
        if (failed->outcome == EXCHANGE_OTHER_ACCOUNT) {
                return "a token of another account is not served";
        }
        if (failed->outcome == EXCHANGE_KEY_REFUSED) {
                return old_key_is_kept(view, failed->label) ? "the upstream refused the changed access key, "
                                                              "the one before it stays in use"
                                                            : "the upstream refused the access key";
        }
        return failed->trial ? "the trial of the access key was inconclusive" : "no new token";
}

/* When it is tried again for its own sake. */
static uint64_t next_trial_usec(const struct environment_view *view, uint64_t key_serial)
{
        const struct key_state *key = keyring_find(&view->refresh.keyring, key_serial);
        uint64_t usec = key ? MAX_OF(key->trial_usec, key->held_usec) : USEC_NEVER;

        return usec == USEC_NEVER
                       ? USEC_NEVER
                       : MAX_OF(usec, refresh_limited_until(&view->refresh, REFRESH_SHARE_TRIAL, NULL));
}

void environment_log_failure(const struct environment_view *view, const struct session *session,
                             const struct failed_exchange *failed, uint64_t now_usec)
{
        bool refused = failed->outcome == EXCHANGE_KEY_REFUSED || failed->outcome == EXCHANGE_OTHER_ACCOUNT;
        uint64_t next = failed->trial ? next_trial_usec(view, failed->key_serial)
                                      : refresh_next_usec(&view->refresh);
        char token[96], wait[ENVIRONMENT_NEXT_MAX], why[EXCHANGE_WHY_MAX];

        journal_say(&(struct journal_record){ .priority = priority_of(view, failed),
                                              .id = refused ? EVENT_KEY_REFUSED : EVENT_EXCHANGE_FAILED,
                                              .environment = view->name,
                                              .key = failed->label },
                    "%s (key %s): %s; %s, %s%s", describe_failure(view, failed),
                    environment_view_label(failed->label), environment_view_trouble(view, why),
                    describe_token(session, now_usec, token, sizeof(token)),
                    !failed->trial       ? "next attempt "
                    : next == USEC_NEVER ? "the next token decides"
                                         : "next trial ",
                    failed->trial && next == USEC_NEVER ? "" : environment_view_next(next, now_usec, wait));
}

void environment_log_granted(const struct environment_view *view, const struct session *session,
                             const char *label, enum refresh_reason reason, uint64_t now_usec)
{
        char life[DURATION_TEXT_MAX], next[DURATION_TEXT_MAX];

        journal_say(&(struct journal_record){ .priority = LOG_INFO,
                                              .id = EVENT_TOKEN_OBTAINED,
                                              .environment = view->name,
                                              .key = label },
                    "new token (key %s, %s), lives %s, next refresh in %s", environment_view_label(label),
                    refresh_reason_name(reason), duration_format(session->lifetime_sec * USEC_PER_SEC, life),
                    duration_format(usec_sub(refresh_next_usec(&view->refresh), now_usec), next));
}

void environment_log_short(const struct environment_view *view, const char *label, const char *remark)
{
        journal_say(
                &(struct journal_record){ .priority = LOG_WARNING, .environment = view->name, .key = label },
                "%s", remark);
}

void environment_log_adopted(const struct environment_view *view, const struct session *session,
                             uint64_t now_usec)
{
        char life[DURATION_TEXT_MAX], next[DURATION_TEXT_MAX];

        journal_say(&(struct journal_record){ .priority = LOG_INFO,
                                              .id = EVENT_TOKEN_ADOPTED,
                                              .environment = view->name,
                                              .key = session->key_label },
                    "a token of another host is taken over from the store (key %s), lives on for %s, next "
                    "refresh "
                    "in %s",
                    environment_view_label(session->key_label),
                    duration_format(usec_sub(session->expires_usec, now_usec), life),
                    duration_format(usec_sub(refresh_next_usec(&view->refresh), now_usec), next));
}

void environment_log_proven(const struct environment_view *view, const char *label)
{
        journal_say(&(struct journal_record){ .priority = LOG_INFO,
                                              .id = EVENT_KEY_PROVEN,
                                              .environment = view->name,
                                              .key = label },
                    "the upstream accepts the access key (%s): it works", environment_view_label(label));
}

void environment_log_outdone(const struct environment_view *view, const char *label)
{
        journal_say(&(struct journal_record){ .priority = LOG_ERR,
                                              .id = EVENT_KEY_REFUSED,
                                              .environment = view->name,
                                              .key = label },
                    "the access key (%s) obtained no token, and another one did right after: it counts as "
                    "refused",
                    environment_view_label(label));
}

void environment_log_account(const struct environment_view *view, const char *from, const char *to)
{
        journal_say(&(struct journal_record){ .priority = LOG_NOTICE,
                                              .id = EVENT_TOKEN_OBTAINED,
                                              .environment = view->name },
                    "the account is %s from now on, and not %s any more, as an operator wished", to, from);
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

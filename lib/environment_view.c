/* The view of an environment, in words. */
#include "lib/environment_view.h"

#include "lib/duration.h"
#include "lib/settings_remark.h"
#include "lib/util.h"

#include <stdio.h>

bool environment_view_configured(const struct environment_view *view)
{
        return view->refresh.keyring.n > 0;
}

bool environment_view_busy(const struct environment_view *view)
{
        return view->refresh.in_flight || view->refresh.claiming;
}

const char *environment_view_label(const char *label)
{
        return *label ? label : "no label";
}

const char *environment_view_next(uint64_t next_usec, uint64_t now_usec,
                                  char text[static ENVIRONMENT_NEXT_MAX])
{
        char wait[DURATION_TEXT_MAX];

        if (next_usec == USEC_NEVER) {
                return "never";
        }
        if (next_usec < now_usec + USEC_PER_SEC) {
                return "at once";
        }
        (void)snprintf(text, ENVIRONMENT_NEXT_MAX, "in %s", duration_format(next_usec - now_usec, wait));
        return text;
}

static void say_that_there_is_no_key(const char *name, const struct keys_view *keys,
                                     char buffer[static ENVIRONMENT_WHY_MAX])
{
        if (!keys) {
                (void)snprintf(buffer, ENVIRONMENT_WHY_MAX, "no access key");
        } else if (keys->are_credentials) {
                (void)snprintf(buffer, ENVIRONMENT_WHY_MAX,
                               "no access key: add LoadCredential=%s:FILE to the unit of the daemon, "
                               "as for its other keys",
                               name);
        } else {
                (void)snprintf(buffer, ENVIRONMENT_WHY_MAX,
                               "no access key: run 'eqpctl key set %s', or put a key file %s into %s", name,
                               name, keys->directory);
        }
}

/* The thing that puts the next attempt off, if no failure does: the process before may have used up what an
 * hour allows. NULL: nothing does. */
static const char *find_obstacle(const struct refresh *refresh, uint64_t now_usec)
{
        enum refresh_limit limit;
        uint64_t limited = refresh_limited_until(refresh, REFRESH_SHARE_NEED, &limit);
        uint64_t usable = keyring_usable_usec(&refresh->keyring);
        uint64_t store = refresh->store.used ? refresh->store.wait_usec : 0;

        if (store > MAX_OF(MAX_OF(limited, usable), now_usec)) {
                return "other brokers that share the store are about to get a token, or have just tried in "
                       "vain";
        }
        if (usable > MAX_OF(limited, now_usec) && usable != USEC_NEVER) {
                return "other environments with the same access key used its exchanges of the hour, or the "
                       "upstream asked for patience with it";
        }
        if (limited <= now_usec) {
                return NULL;
        }
        return limit == REFRESH_LIMIT_BUDGET        ? "the hourly budget of exchanges is used up"
               : limit == REFRESH_LIMIT_RETRY_AFTER ? "the upstream asked for patience (Retry-After)"
                                                    : NULL;
}

static bool is_first(const struct environment_view *view)
{
        return view->last_refresh_usec == 0 || view->refresh.due_reason == REFRESH_FIRST;
}

/* Why the latest token is gone, or that there was none. */
static const char *find_beginning(const struct environment_view *view)
{
        const struct refresh *refresh = &view->refresh;

        if (is_first(view)) {
                return "waiting for the upstream's first answer";
        }
        return refresh->due_reason == REFRESH_DUE && refresh->due_usec >= refresh->expires_usec
                       ? LIFETIME_WAS_SHORT
                       : "the latest token ended before there was another one, as when this host sleeps";
}

/* Nothing has gone wrong since the latest token, or in this process. */
static void say_why_still_waiting(const struct environment_view *view, uint64_t now_usec,
                                  char buffer[static ENVIRONMENT_WHY_MAX])
{
        const struct refresh *refresh = &view->refresh;
        uint64_t next = refresh_next_usec(refresh);
        bool waits = next > now_usec && next != USEC_NEVER;
        const char *what = waits ? find_obstacle(refresh, now_usec) : NULL;
        char wait[ENVIRONMENT_NEXT_MAX];

        what = what ? what : find_beginning(view);
        if (waits) {
                (void)snprintf(buffer, ENVIRONMENT_WHY_MAX, "%s; next attempt %s", what,
                               environment_view_next(next, now_usec, wait));
                return;
        }
        (void)snprintf(buffer, ENVIRONMENT_WHY_MAX, "%s%s", what,
                       refresh->in_flight && !is_first(view) ? "; an attempt is under way" : "");
}

const char *environment_view_trouble(const struct environment_view *view,
                                     char buffer[static EXCHANGE_WHY_MAX])
{
        const struct environment_trouble *trouble = &view->trouble;

        if (*trouble->account) {
                (void)snprintf(buffer, EXCHANGE_WHY_MAX,
                               "the access key is of account %s, and this environment is of account %s",
                               trouble->account, trouble->account_in_use);
        } else {
                (void)snprintf(buffer, EXCHANGE_WHY_MAX, "%s", trouble->why);
        }
        return buffer;
}

const char *environment_view_why(const struct environment_view *view, const struct keys_view *keys,
                                 uint64_t now_usec, char buffer[static ENVIRONMENT_WHY_MAX])
{
        const struct refresh *refresh = &view->refresh;
        const struct environment_trouble *trouble = &view->trouble;
        uint64_t next = refresh_next_usec(refresh);
        char wait[ENVIRONMENT_NEXT_MAX];

        if (!environment_view_configured(view)) {
                say_that_there_is_no_key(view->name, keys, buffer);
                return buffer;
        }
        if (!trouble->any || refresh->n_failures == 0) { /* a trial's trouble, or one that is over */
                say_why_still_waiting(view, now_usec, buffer);
                return buffer;
        }
        const char *what = "the upstream gave no token";
        if (trouble->outcome == EXCHANGE_KEY_REFUSED) {
                what = refresh->keyring.n > 1 && keyring_all_unauthorized(&refresh->keyring)
                               ? "access keys refused"
                               : "access key refused";
        } else if (trouble->outcome == EXCHANGE_OTHER_ACCOUNT) {
                what = "a token of another account is not served";
        } else if (trouble->outcome == EXCHANGE_UNAVAILABLE) {
                what = "the upstream is not available";
        } else if (trouble->outcome == EXCHANGE_THROTTLED) {
                what = "the upstream asks for patience";
        }
        (void)snprintf(buffer, ENVIRONMENT_WHY_MAX, "%s (key %s): %s; %s%s", what,
                       environment_view_label(trouble->key_label), trouble->why,
                       refresh->in_flight ? "an attempt is under way" : "next attempt ",
                       refresh->in_flight ? "" : environment_view_next(next, now_usec, wait));
        return buffer;
}

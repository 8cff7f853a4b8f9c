/* The stores of [share], and how they are. */
#include "daemon/keeper/share.h"

#include "daemon/base/clock.h"
#include "daemon/base/journal.h"
#include "lib/util.h"

#include <inttypes.h>
#include <stdio.h>

#define TROUBLES_APART_USEC USEC_PER_MIN /* in the journal */

void share_configure(struct share *share, const struct settings *settings)
{
        char message[SETTINGS_ERROR_MAX];

        share_clear(share);
        if (settings->share.n_stores == 0) {
                return;
        }
        share->settings = &settings->share;
        if (share_files_read(share->settings, settings->key_permissions_relaxed, &share->files, message) <
            0) {
                share->blind = true;
                journal_say(&(struct journal_record){ .priority = LOG_ERR, .id = EVENT_STORE },
                            "no session token is shared until a reload can read %s", message);
        }
}

void share_clear(struct share *share)
{
        share_files_clear(&share->files);
        *share = (struct share){ .event = share->event, .curl = share->curl };
}

bool share_is_on(const struct share *share)
{
        return share && share->settings && !share->blind;
}

/* Is it to be told that the store is this way now? ret_untold: so often was it another way since the last
 * line, and no line told of it. */
static bool is_news(struct share *share, enum store_state state, uint64_t *ret_untold)
{
        uint64_t now_usec = clock_now_usec();
        bool changed = share->told && share->noted_state != state;
        bool too_soon = state != STORE_FINE && share->trouble_usec > 0 &&
                        now_usec < share->trouble_usec + TROUBLES_APART_USEC;

        share->noted_state = state;
        if (too_soon || (share->told && share->told_state == state)) {
                share->n_untold += changed;
                return false;
        }
        *ret_untold =
                usec_sub(share->n_untold, changed ? 0 : 1); /* this change may have been untold so far */
        share->n_untold = 0;
        share->told = true;
        share->told_state = state;
        if (state != STORE_FINE) {
                share->trouble_usec = now_usec;
        }
        return true;
}

void share_note(struct share *share, size_t number, enum store_state state, const char *why)
{
        const char *store = share->settings->stores[number].text;
        char between[64] = "";
        bool again = share->told;
        uint64_t n_untold;

        if (state == STORE_FINE) {
                share->first = number;
        }
        if (share->quiet || !is_news(share, state, &n_untold)) {
                return;
        }
        if (n_untold > 0) {
                (void)snprintf(between, sizeof(between), " (after %" PRIu64 " changes that are not logged)",
                               n_untold);
        }
        if (state == STORE_FINE) {
                journal_say(&(struct journal_record){ .priority = LOG_INFO, .id = EVENT_STORE },
                            "session tokens are shared through the store %s%s%s", store,
                            again ? " again" : "", between);
                return;
        }
        journal_say(
                &(struct journal_record){ .priority = LOG_WARNING, .id = EVENT_STORE },
                "the store %s cannot be used%s, and tokens are obtained without it meanwhile: %s%s%s%s. %s",
                store, between, store_state_text(state), *why ? " (" : "", why, *why ? ")" : "",
                store_state_cure(state));
}

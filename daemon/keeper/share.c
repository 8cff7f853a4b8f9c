/* The stores of [share], and how they are. */
#include "daemon/keeper/share.h"

#include "daemon/base/journal.h"
#include "lib/util.h"

#include <stdio.h>

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

void share_note(struct share *share, size_t number, enum store_state state, const char *why)
{
        const char *store = share->settings->stores[number].text;

        if (state == STORE_FINE) {
                share->first = number;
        }
        if (share->quiet || (share->told && share->told_state == state)) {
                return;
        }
        bool again = share->told;
        share->told = true;
        share->told_state = state;
        if (state == STORE_FINE) {
                journal_say(&(struct journal_record){ .priority = LOG_INFO, .id = EVENT_STORE },
                            "session tokens are shared through the store %s%s", store,
                            again ? " again" : "");
                return;
        }
        journal_say(
                &(struct journal_record){ .priority = LOG_WARNING, .id = EVENT_STORE },
                "the store %s cannot be used, and tokens are obtained without it meanwhile: %s%s%s%s. %s",
                store, store_state_text(state), *why ? " (" : "", why, *why ? ")" : "",
                store_state_cure(state));
}

/* Notes of what is shared: how far our clock is off, how the store is; and the names of a key. */
#include "daemon/base/clock.h"
#include "daemon/keeper/environment_share_object.h"
#include "lib/util.h"

#include <errno.h>
#include <stdio.h>

/* ---- clocks ---- */

static bool is_off(const struct share_skew *skew)
{
        return skew->known && (skew->sec > SHARE_SKEW_MAX_SEC || skew->sec < -SHARE_SKEW_MAX_SEC);
}

bool environment_share_is_off(const struct environment_share *share)
{
        return is_off(&share->upstream_skew) || is_off(&share->store_skew);
}

static void show_skew(struct environment_share *share)
{
        struct share_view *view = &share->environment->view.share;
        const struct share_skew *upstream = &share->upstream_skew, *store = &share->store_skew;
        const struct share_skew *shown =
                store->known && (!upstream->known || llabs(store->sec) > llabs(upstream->sec)) ? store
                                                                                               : upstream;

        view->skew_known = shown->known;
        view->skew_sec = shown->sec;
}

void environment_share_note_clock(struct environment_share *share, uint64_t store_wall_usec)
{
        int64_t store_sec = (int64_t)MIN_OF(store_wall_usec, SHARE_TIME_MAX_USEC) / (int64_t)USEC_PER_SEC;

        share->store_skew = (struct share_skew){ true, clock_wall_sec() - store_sec };
        show_skew(share);
}

void environment_share_note_store(struct environment_share *share, enum store_state state, const char *store)
{
        struct share_view *view = &share->environment->view.share;

        view->asked = true;
        view->state = state;
        (void)snprintf(view->store, sizeof(view->store), "%s", store);
}

/* ---- the form of a key ---- */

int environment_share_form(const struct environment *environment, uint64_t key_serial,
                           struct share_form **ret, struct store_place *ret_place)
{
        const struct access_key *key = key_files_find(environment->tools.keys, key_serial);
        const struct share_files *files = &environment->tools.share->files;

        int r = key ? share_form_new(ret, key, environment->settings->base_url, files->secret,
                                     files->n_secret)
                    : -ENOKEY;
        if (r >= 0) {
                ret_place->session_name = share_form_session_name(*ret);
                ret_place->lease_name = share_form_lease_name(*ret);
        }
        return r;
}

enum share_mode environment_share_mode(const struct environment *environment)
{
        const struct share *share = environment->tools.share;
        const struct access_key *keys[KEYS_PER_ENVIRONMENT_MAX];
        size_t n;

        if (!share || !share->settings) {
                return SHARE_OFF;
        }
        if (!share_is_on(share)) {
                return SHARE_UNREAD;
        }
        n = key_files_present(environment->tools.keys, environment->view.name, keys);
        for (size_t i = 0; i < n; i++) {
                if (strlen(keys[i]->secret) >= SHARE_SECRET_MIN) {
                        return SHARE_ON;
                }
        }
        return n > 0 ? SHARE_SHORT_KEY : SHARE_ON;
}

void environment_share_note_upstream(struct environment_share *share, const struct exchange_report *report)
{
        if (report->date_known) {
                share->upstream_skew = (struct share_skew){ true, report->clock_ahead_sec };
                show_skew(share);
        }
}

/* --check of [share]: its files, and on wish each of its stores, one after the other. A lease is taken for
 * that under a random name, as a store that can only be read is of no use; it is gone after 20 s. */
#include "daemon/check_share.h"

#include "daemon/base/exit_code.h"
#include "daemon/base/journal.h"
#include "daemon/keeper/store_talk.h"
#include "lib/share_form.h"
#include "lib/util.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

#define NAME_SIZE 16 /* bytes of a name, in digits twice as many */

struct trial {
        sd_event *event;
        struct curl_loop *curl;
        enum store_state state;
};

static void on_answer(const struct store_claim *claim, uint64_t sent_usec, void *userdata)
{
}

static void on_end(enum store_state state, const char *store, void *userdata)
{
        struct trial *trial = userdata;

        trial->state = state;
        (void)sd_event_exit(trial->event, 0);
}

/* share_note() says how it went. */
static int ask(struct trial *trial, struct share *share)
{
        const struct store_talk_user user = { on_answer, on_end, trial };
        char digits[2 * NAME_SIZE + 1], session_name[SHARE_NAME_MAX], lease_name[SHARE_NAME_MAX + 2];
        struct store_place place = { session_name, lease_name, { 0 } };
        uint8_t name[NAME_SIZE];
        struct store_talk *talk;

        if (getrandom(name, sizeof(name), 0) != sizeof(name) ||
            getrandom(place.lease_id, sizeof(place.lease_id), 0) != sizeof(place.lease_id)) {
                return -EIO;
        }
        for (size_t i = 0; i < sizeof(name); i++) {
                (void)snprintf(digits + 2 * i, 3, "%02x", name[i]);
        }
        (void)snprintf(session_name, sizeof(session_name), "eqp1:{%s}", digits);
        (void)snprintf(lease_name, sizeof(lease_name), "%s:l", session_name);
        int r = store_talk_new(&talk, share, &place, /* claim= */ true, &user);
        if (r >= 0) {
                r = sd_event_loop(trial->event);
                (void)store_talk_free(talk);
        }
        return r;
}

static int try_store(const struct settings *settings, struct share_files *files, size_t number)
{
        struct share_settings alone = settings->share;
        struct trial trial = { .state = STORE_UNREACHABLE };

        alone.stores[0] = settings->share.stores[number];
        alone.n_stores = 1;
        int r = sd_event_new(&trial.event);
        if (r >= 0) {
                r = curl_loop_new(&trial.curl, trial.event);
        }
        if (r >= 0) {
                struct share share = {
                        .event = trial.event, .curl = trial.curl, .settings = &alone, .files = *files
                };
                r = ask(&trial, &share);
        }
        (void)curl_loop_free(trial.curl);
        sd_event_unref(trial.event);
        if (r < 0) {
                journal_say(&(struct journal_record){ .priority = LOG_ERR },
                            "the store %s cannot be asked: %s", alone.stores[0].text, strerror(-r));
                return BROKER_EXIT_INTERNAL;
        }
        return trial.state == STORE_FINE ? 0 : BROKER_EXIT_UNAVAILABLE;
}

int check_share(const struct settings *settings, bool connect)
{
        _cleanup_(share_files_clear) struct share_files files = { 0 };
        char message[SETTINGS_ERROR_MAX];
        int code = 0;

        int r = settings->share.n_stores > 0
                        ? share_files_read(&settings->share, settings->key_permissions_relaxed, &files,
                                           message)
                        : 0;
        if (r < 0) {
                journal_say(&(struct journal_record){ .priority = LOG_ERR, .id = EVENT_SETTINGS_BAD }, "%s",
                            message);
                return r == -EACCES || r == -EPERM ? BROKER_EXIT_PERMISSION : BROKER_EXIT_CONFIGURATION;
        }
        for (size_t i = 0; i < settings->share.n_stores && connect; i++) {
                int one = try_store(settings, &files, i);
                code = code == 0 ? one : code;
        }
        return code;
}

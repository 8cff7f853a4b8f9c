/* --check of [share]: its files, the owners of its sockets, and on wish each of its stores, one after the
 * other. All that a broker does there is done under random names: a store that can only be read is of no
 * use. Nothing of it is left. */
#include "daemon/check_share.h"

#include "daemon/base/exit_code.h"
#include "daemon/base/journal.h"
#include "daemon/keeper/store_link.h"
#include "daemon/keeper/store_talk.h"
#include "lib/share_form.h"
#include "lib/store_owner.h"
#include "lib/util.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_SIZE 16 /* bytes of a name, in digits twice as many */
#define LEFT_MSEC 5000

struct trial {
        sd_event *event;
        struct curl_loop *curl;
        const struct store_place *place;
        struct store_talk *talk;
        int error; /* of our own: a negative errno */
        enum store_state state;
        char why[STORE_LINK_WHY_MAX];
};

/* Of one transaction, a store does all or nothing: so nothing stays where one command is not allowed. */
static void on_answer(const struct store_claim *claim, uint64_t sent_usec, void *userdata)
{
        struct trial *trial = userdata;
        struct store_request *request = NULL;
        uint64_t ends_msec = claim->store_wall_usec / USEC_PER_MSEC + LEFT_MSEC;

        trial->error = store_request_rehearse(&request, NULL, trial->place, LEFT_MSEC, ends_msec);
        if (trial->error >= 0) {
                store_talk_say(trial->talk, request);
        }
}

static void on_end(enum store_state state, const char *store, const char *why, void *userdata)
{
        struct trial *trial = userdata;

        trial->state = state;
        (void)snprintf(trial->why, sizeof(trial->why), "%s", why);
        (void)sd_event_exit(trial->event, 0);
}

static int ask(struct trial *trial, struct share *share)
{
        const struct store_talk_user user = { on_answer, on_end, trial };
        char digits[2 * NAME_SIZE + 1], session_name[SHARE_NAME_MAX], lease_name[SHARE_NAME_MAX + 2];
        struct store_place place = { session_name, lease_name, { 0 } };
        uint8_t name[NAME_SIZE];

        if (getrandom(name, sizeof(name), 0) != sizeof(name) ||
            getrandom(place.lease_id, sizeof(place.lease_id), 0) != sizeof(place.lease_id)) {
                return -EIO;
        }
        for (size_t i = 0; i < sizeof(name); i++) {
                (void)snprintf(digits + 2 * i, 3, "%02x", name[i]);
        }
        (void)snprintf(session_name, sizeof(session_name), "eqp1:{%s}", digits);
        (void)snprintf(lease_name, sizeof(lease_name), "%s:l", session_name);
        trial->place = &place;
        int r = store_talk_new(&trial->talk, share, &place, /* claim= */ false, &user);
        if (r < 0) {
                return r;
        }
        r = sd_event_loop(trial->event);
        trial->talk = store_talk_free(trial->talk);
        return r < 0 ? r : trial->error;
}

static int try_store(const struct settings *settings, struct share_files *files, size_t number,
                     struct trial *trial)
{
        struct share_settings alone = settings->share;

        alone.stores[0] = settings->share.stores[number];
        alone.n_stores = 1;
        int r = sd_event_new(&trial->event);
        if (r < 0) {
                return r;
        }
        r = curl_loop_new(&trial->curl, trial->event);
        if (r < 0) {
                return r;
        }
        struct share share = { .event = trial->event,
                               .curl = trial->curl,
                               .settings = &alone,
                               .files = *files,
                               .quiet = true };
        return ask(trial, &share);
}

static void close_trial(struct trial *trial)
{
        trial->curl = curl_loop_free(trial->curl);
        trial->event = sd_event_unref(trial->event);
}

/* Then replicas beside it are in order: they are named for when one becomes the primary. */
static bool has_primary(const struct trial *trials, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                if (trials[i].state == STORE_FINE) {
                        return true;
                }
        }
        return false;
}

static void say(const struct trial *trial, const char *store, bool primary)
{
        const char *why = trial->why, *text = store_state_text(trial->state);

        if (trial->state == STORE_FINE) {
                journal_say(&(struct journal_record){ .priority = LOG_INFO, .id = EVENT_STORE },
                            "the store %s can be used", store);
        } else if (trial->state == STORE_READ_ONLY && primary) {
                journal_say(&(struct journal_record){ .priority = LOG_NOTICE, .id = EVENT_STORE },
                            "the store %s is used when it becomes the primary: now %s", store, text);
        } else {
                journal_say(&(struct journal_record){ .priority = LOG_WARNING, .id = EVENT_STORE },
                            "the store %s cannot be used: %s%s%s%s. %s", store, text, *why ? " (" : "", why,
                            *why ? ")" : "", store_state_cure(trial->state));
        }
}

static int try_stores(const struct settings *settings, struct share_files *files)
{
        struct trial trials[SHARE_STORES_MAX] = { 0 };
        size_t n = settings->share.n_stores;
        int code = 0;

        for (size_t i = 0; i < n; i++) {
                trials[i].state = STORE_UNREACHABLE;
                int r = try_store(settings, files, i, &trials[i]);
                close_trial(&trials[i]);
                if (r < 0) {
                        journal_say(&(struct journal_record){ .priority = LOG_ERR },
                                    "the store %s cannot be asked: %s", settings->share.stores[i].text,
                                    strerror(-r));
                        return BROKER_EXIT_INTERNAL;
                }
        }
        bool primary = has_primary(trials, n);
        for (size_t i = 0; i < n; i++) {
                say(&trials[i], settings->share.stores[i].text, primary);
                if (trials[i].state != STORE_FINE && !(trials[i].state == STORE_READ_ONLY && primary)) {
                        code = BROKER_EXIT_UNAVAILABLE;
                }
        }
        return code;
}

static void remark_owners(const struct share_settings *share)
{
        for (size_t i = 0; i < share->n_stores && share->password_file; i++) {
                const struct store_address *store = &share->stores[i];
                char number[sizeof("number ") + 10];
                struct stat status;

                if (store->kind != STORE_UNIX || stat(store_address_path(store), &status) < 0 ||
                    store_owner_expected(status.st_uid, geteuid())) {
                        continue;
                }
                const struct passwd *user = getpwuid(status.st_uid);
                (void)snprintf(number, sizeof(number), "number %u", (unsigned)status.st_uid);
                journal_say(
                        &(struct journal_record){ .priority = LOG_WARNING },
                        "%s: the socket of the store %s belongs to the user %s, whose programs get the "
                        "password of password_file: let a system user of its own run the store, and make "
                        "the socket where nobody else can",
                        share->place, store->text, user ? user->pw_name : number);
        }
}

int check_share(const struct settings *settings, bool connect)
{
        _cleanup_(share_files_clear) struct share_files files = { 0 };
        char message[SETTINGS_ERROR_MAX];

        int r = settings->share.n_stores > 0
                        ? share_files_read(&settings->share, settings->key_permissions_relaxed, &files,
                                           message)
                        : 0;
        if (r < 0) {
                journal_say(&(struct journal_record){ .priority = LOG_ERR, .id = EVENT_SETTINGS_BAD }, "%s",
                            message);
                return r == -EACCES || r == -EPERM ? BROKER_EXIT_PERMISSION : BROKER_EXIT_CONFIGURATION;
        }
        remark_owners(&settings->share);
        return connect ? try_stores(settings, &files) : 0;
}

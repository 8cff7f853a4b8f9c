/* How sessions survive a restart.
 *
 * Whether there is anything new to keep is found out by writing the text of all there is
 * (lib/saved_sessions) and comparing it with the one that the store has. */
#include "daemon/keeper/survival.h"

#include "daemon/base/journal.h"
#include "daemon/base/timer.h"
#include "daemon/keeper/key_digest.h"
#include "daemon/keeper/session_store.h"
#include "lib/duration.h"
#include "lib/secret.h"
#include "lib/util.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

static_assert(SAVED_SALT_SIZE == KEYED_SALT_SIZE && SAVED_KEY_DIGEST_SIZE == KEYED_DIGEST_SIZE,
              "what keys are told apart by is what is saved");

struct survival {
        const struct environments *environments;
        struct key_files *keys;
        sd_event_source *later; /* looks; NULL: there is no store */
        struct session_store store;
        uint8_t salt[SAVED_SALT_SIZE]; /* the same from process to process, so that texts can be compared */
        struct saved_sessions *kept;   /* until survival_restore() */
};

/* ---- what there is ---- */

/* A session whose key is not held any more could not be taken up again: it is left out. */
static void save_session(const struct survival *survival, const struct environment *environment,
                         const struct refresh_token *token, struct saved_environment *ret)
{
        const struct access_key *key = key_files_find(survival->keys, environment->session_key);

        if (!key || key_digest(key, survival->salt, ret->key_digest) < 0) {
                return;
        }
        ret->session = session_ref(environment->session);
        ret->refresh_point_usec = token->refresh_point_usec;
        ret->attainable_sec = token->attainable_sec;
        ret->reported = token->reported;
}

static struct saved_sessions *gather(const struct survival *survival, uint64_t number)
{
        const struct environments *environments = survival->environments;
        struct saved_sessions *saved = saved_sessions_new();

        if (!saved) {
                return NULL;
        }
        saved->number = number;
        memcpy(saved->boot_id, survival->store.boot_id, sizeof(saved->boot_id));
        memcpy(saved->salt, survival->salt, sizeof(saved->salt));
        for (size_t i = 0; i < environments->n; i++) {
                const struct environment *environment = environments->list[i];
                struct saved_environment *one = &saved->environments[saved->n_environments];
                struct refresh_token token;

                refresh_leave(&environment->view.refresh, &one->past, &token);
                if (environment->session && environment->view.refresh.has_token) {
                        save_session(survival, environment, &token, one);
                }
                if (one->session || one->past.n_sent > 0) {
                        (void)snprintf(one->name, sizeof(one->name), "%s", environment->view.name);
                        (void)snprintf(one->base_url, sizeof(one->base_url), "%s",
                                       environment->settings->base_url);
                        saved->n_environments++;
                }
        }
        return saved;
}

static int write_text(const struct survival *survival, uint64_t number, char **ret, size_t *ret_length,
                      bool *ret_empty)
{
        _cleanup_(saved_sessions_freep) struct saved_sessions *saved = gather(survival, number);
        int r = saved ? saved_sessions_format(saved, ret, ret_length) : -ENOMEM;

        if (r < 0) {
                return r;
        }
        *ret_empty = saved->n_environments == 0;
        return 0;
}

/* ---- keeping it ---- */

static int put(struct survival *survival)
{
        _cleanup_secret_ char *text = NULL;
        size_t length = 0;
        bool empty;
        int r = write_text(survival, survival->store.number + 1, &text, &length, &empty);

        return r < 0 ? r : session_store_put(&survival->store, text, length);
}

static int look(struct survival *survival)
{
        char *text = NULL;
        size_t length = 0;
        bool empty;
        int r = write_text(survival, survival->store.number, &text, &length, &empty);

        if (r < 0) {
                return r;
        }
        bool same = session_store_has(&survival->store, text, length);
        (void)secret_free(text);
        if (empty) {
                session_store_drop(&survival->store);
                return 0;
        }
        return same ? 0 : put(survival);
}

static int on_later(sd_event_source *source, void *userdata)
{
        struct survival *survival = userdata;
        int r = look(survival);

        if (r < 0) {
                /* Rather none than one that is not true any more. */
                session_store_drop(&survival->store);
                journal_say(
                        &(struct journal_record){ .priority = LOG_WARNING, .id = EVENT_SESSIONS_DROPPED },
                        "the sessions would not survive a restart: the service manager could not be "
                        "given them (%s)",
                        strerror(-r));
        }
        return 0;
}

void survival_look(struct survival *survival)
{
        if (survival && survival->later) {
                (void)sd_event_source_set_enabled(survival->later, SD_EVENT_ONESHOT);
        }
}

/* ---- at start ---- */

static void say_dropped(const char *environment, const char *why)
{
        journal_say(&(struct journal_record){ .priority = LOG_NOTICE,
                                              .id = EVENT_SESSIONS_DROPPED,
                                              .environment = environment },
                    "the session from before the restart is dropped: %s", why);
}

/* The session's key, if a file still gives it. */
static bool find_key(const struct survival *survival, const struct environment *environment,
                     const struct saved_environment *saved, struct key_name *ret)
{
        struct key_name names[KEYS_PER_ENVIRONMENT_MAX];
        size_t n = key_files_names(survival->keys, environment->view.name, names);

        for (size_t i = 0; i < n; i++) {
                const struct access_key *key = key_files_find(survival->keys, names[i].serial);
                uint8_t digest[SAVED_KEY_DIGEST_SIZE];
                if (key && key_digest(key, survival->salt, digest) >= 0 &&
                    secret_equal(digest, saved->key_digest, sizeof(digest))) {
                        *ret = names[i];
                        return true;
                }
        }
        return false;
}

static void restore_environment(const struct survival *survival, struct environment *environment,
                                const struct saved_environment *saved, uint64_t now_usec)
{
        struct refresh_token token = { .refresh_point_usec = saved->refresh_point_usec,
                                       .attainable_sec = saved->attainable_sec,
                                       .reported = saved->reported };
        struct refresh_past past = saved->past;
        bool moved = !streq(saved->base_url, environment->settings->base_url);
        struct key_name key;
        char life[DURATION_TEXT_MAX];
        const char *why = NULL;

        if (moved) {
                past.retry_after_usec = 0; /* it was another upstream's wish */
        }
        if (!saved->session) {
                environment_restore(environment, &past, NULL, NULL, NULL);
                return;
        }
        token.expires_usec = saved->session->expires_usec;
        if (moved) {
                why = "the environment's base URL has changed";
        } else if (!session_alive(saved->session, now_usec)) {
                why = "it has expired";
        } else if (!find_key(survival, environment, saved, &key)) {
                why = "no key file gives the access key that obtained it";
        }
        if (why) {
                environment_restore(environment, &past, NULL, NULL, NULL);
                say_dropped(environment->view.name, why);
                return;
        }
        environment_restore(environment, &past, saved->session, &token, &key);
        journal_say(&(struct journal_record){ .priority = LOG_INFO,
                                              .id = EVENT_SESSIONS_RESTORED,
                                              .environment = environment->view.name,
                                              .key = key.label },
                    "the session from before the restart lives on for %s",
                    duration_format(token.expires_usec - now_usec, life));
}

void survival_restore(struct survival *survival, uint64_t now_usec)
{
        _cleanup_(saved_sessions_freep) struct saved_sessions *kept = take_ptr(survival->kept);

        for (size_t i = 0; kept && i < kept->n_environments; i++) {
                const struct saved_environment *saved = &kept->environments[i];
                struct environment *environment = environments_find(survival->environments, saved->name);
                const char *why = !environment ? "there is no such environment any more"
                                  : !saved_environment_possible(saved, now_usec)
                                          ? "its times lie in the future"
                                          : NULL;
                if (why) {
                        say_dropped(saved->name, why);
                } else {
                        restore_environment(survival, environment, saved, now_usec);
                }
        }
}

static void free_survival(struct survival **survival)
{
        *survival = survival_free(*survival);
}

static int begin_looking(struct survival *survival, sd_event *event)
{
        int r = turn_new(&survival->later, event, on_later, survival, "survival");

        /* Before an exchange that was just begun is on the wire. */
        return r < 0 ? r : sd_event_source_set_priority(survival->later, SD_EVENT_PRIORITY_IMPORTANT);
}

int survival_new(struct survival **ret, sd_event *event, const struct environments *environments,
                 struct key_files *keys, struct passed_sockets *passed)
{
        _cleanup_(free_survival) struct survival *survival = calloc(1, sizeof(*survival));
        const ssize_t size = sizeof(survival->salt);

        if (!survival) {
                return -ENOMEM;
        }
        survival->environments = environments;
        survival->keys = keys;
        session_store_init(&survival->store, passed, &survival->kept);
        if (survival->kept) {
                memcpy(survival->salt, survival->kept->salt, sizeof(survival->salt));
        }
        if (survival->store.usable &&
            (survival->kept || getrandom(survival->salt, (size_t)size, GRND_NONBLOCK) == size)) {
                int r = begin_looking(survival, event);
                if (r < 0) {
                        return r;
                }
        }
        *ret = take_ptr(survival);
        return 0;
}

struct survival *survival_free(struct survival *survival)
{
        if (survival) {
                if (survival->later && sd_event_source_get_enabled(survival->later, NULL) > 0) {
                        (void)on_later(survival->later, survival);
                }
                sd_event_source_disable_unref(survival->later);
                session_store_clear(&survival->store);
                (void)saved_sessions_free(survival->kept);
                free(survival);
        }
        return NULL;
}

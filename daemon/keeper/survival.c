/* How sessions survive a restart, and what is known of keys, accounts and budgets.
 *
 * Whether there is anything new to keep is found out by writing the texts of all there is
 * (lib/saved_knowledge, lib/saved_sessions) and comparing them with those that the store has; unless
 * environment_mark says that there cannot be. */
#include "daemon/keeper/survival.h"

#include "daemon/base/clock.h"
#include "daemon/base/journal.h"
#include "daemon/base/timer.h"
#include "daemon/keeper/environment_mark.h"
#include "daemon/keeper/gone_environments.h"
#include "daemon/keeper/kept_memory.h"
#include "daemon/keeper/kept_texts.h"
#include "lib/duration.h"
#include "lib/util.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

/* A change that the mark may miss, as that what is gone is forgotten, is told with the next event after so
 * long. */
#define LOOK_USEC (60 * USEC_PER_SEC)

/* After a failure: doubled with each. */
#define WAIT_MIN_USEC USEC_PER_SEC
#define WAIT_MAX_USEC (60 * USEC_PER_SEC)

struct survival {
        const struct environments *environments;
        sd_event_source *later; /* looks; NULL: there is no store */
        sd_event_source *again; /* likewise, after a failure */
        uint64_t wait_usec;     /* for that; 0: the latest look went well */
        uint64_t mark;          /* of the environments at the latest look that went well, */
        uint64_t looked_usec;   /* which was then; 0: the latest did not */
        const char *told;       /* the failures that the log has since then */
        struct kept_texts texts;
        uint8_t salt[KEYED_SALT_SIZE]; /* the same from process to process, so that texts can be compared */
        struct exchange_ledger *ledger;
        struct gone_environments gone; /* at a start those too that are there */
        struct saved_sessions *kept;   /* until survival_restore() */
};

/* ---- what there is ---- */

static void save_session(const struct environment *environment, const struct environment_memory *memory,
                         struct saved_sessions *saved)
{
        struct saved_environment *one = &saved->environments[saved->n_environments];

        if (!memory->session && memory->past.n_sent == 0) {
                return;
        }
        (void)snprintf(one->name, sizeof(one->name), "%s", environment->view.name);
        (void)snprintf(one->base_url, sizeof(one->base_url), "%s", environment->settings->base_url);
        saved_environment_set_past(one, &memory->past);
        if (memory->session) {
                saved_environment_set_session(one, session_ref(memory->session), &memory->token);
                memcpy(one->key_digest, memory->session_key_digest, sizeof(one->key_digest));
        }
        saved->n_environments++;
}

/* There is nothing to know of one that never was in use. */
static bool is_worth_it(const struct environment_memory *memory)
{
        return memory->past.n_sent > 0 || memory->n_keys > 0 || *memory->account;
}

static void fill_known(const struct environment *environment, const struct environment_memory *memory,
                       struct known_environment *ret)
{
        (void)snprintf(ret->name, sizeof(ret->name), "%s", environment->view.name);
        (void)snprintf(ret->base_url, sizeof(ret->base_url), "%s", environment->view.base_url);
        memcpy(ret->account, memory->account, sizeof(ret->account));
        ret->past = memory->past;
        memcpy(ret->keys, memory->keys, sizeof(ret->keys));
        ret->n_keys = memory->n_keys;
}

static int gather(struct survival *survival, struct saved_sessions *sessions,
                  struct saved_knowledge *knowledge)
{
        const struct environments *environments = survival->environments;

        for (size_t i = 0; i < environments->n; i++) {
                struct environment_memory memory;
                environment_remember(environments->list[i], &memory);
                save_session(environments->list[i], &memory, sessions);
                if (!is_worth_it(&memory)) {
                        continue;
                }
                struct known_environment *known = saved_knowledge_add(knowledge);
                if (!known) {
                        return -ENOMEM;
                }
                fill_known(environments->list[i], &memory, known);
        }
        gone_environments_settle(&survival->gone, clock_now_usec());
        for (size_t i = 0; i < survival->gone.n; i++) {
                struct known_environment *known = saved_knowledge_add(knowledge);
                if (!known) {
                        return -ENOMEM;
                }
                *known = *survival->gone.list[i];
        }
        return 0;
}

/* ---- keeping it ---- */

static int look(struct survival *survival, const char **reterr_what)
{
        _cleanup_(saved_sessions_freep) struct saved_sessions *sessions = saved_sessions_new();
        _cleanup_(saved_knowledge_freep) struct saved_knowledge *knowledge = saved_knowledge_new();

        *reterr_what = "the sessions";
        if (!sessions || !knowledge) {
                return -ENOMEM;
        }
        memcpy(sessions->salt, survival->salt, sizeof(sessions->salt));
        memcpy(knowledge->salt, survival->salt, sizeof(knowledge->salt));
        knowledge->ledger = survival->ledger;
        int r = gather(survival, sessions, knowledge);
        return r < 0 ? r : kept_texts_put(&survival->texts, sessions, knowledge, reterr_what);
}

/* Said once for as long as it lasts. what: NULL if all is there, and something older as well. */
static void note_failure(struct survival *survival, const char *what, int error)
{
        if (what && (!survival->told || !streq(survival->told, what))) {
                survival->told = what;
                journal_say(
                        &(struct journal_record){ .priority = LOG_WARNING, .id = EVENT_SESSIONS_DROPPED },
                        "%s would not survive a restart: the service manager could not be given that (%s)",
                        what, strerror(-error));
        }
        survival->wait_usec =
                survival->wait_usec > 0 ? MIN_OF(2 * survival->wait_usec, WAIT_MAX_USEC) : WAIT_MIN_USEC;
        timer_start_in(survival->again, survival->wait_usec);
}

static void look_and_tell(struct survival *survival)
{
        uint64_t mark = environments_mark(survival->environments), now_usec = clock_now_usec();
        const char *what;

        if (survival->looked_usec > 0 && mark == survival->mark &&
            now_usec < survival->looked_usec + LOOK_USEC) {
                return;
        }
        int r = look(survival, &what);
        survival->mark = mark;
        survival->looked_usec = r < 0 ? 0 : now_usec;
        if (r < 0) {
                note_failure(survival, what, r);
                return;
        }
        if (survival->told) {
                journal_say(&(struct journal_record){ .priority = LOG_NOTICE },
                            "the service manager has all again that is to survive a restart");
        }
        survival->told = NULL;
        survival->wait_usec = 0;
        timer_stop(survival->again);
}

static int on_later(sd_event_source *source, void *userdata)
{
        look_and_tell(userdata);
        return 0;
}

static int on_again(sd_event_source *source, uint64_t usec, void *userdata)
{
        look_and_tell(userdata);
        return 0;
}

void survival_look(struct survival *survival)
{
        if (survival && survival->later) {
                (void)sd_event_source_set_enabled(survival->later, SD_EVENT_ONESHOT);
        }
}

/* ---- environments that go and come ---- */

void survival_note_gone(struct survival *survival, const struct environments *before, uint64_t now_usec)
{
        for (size_t i = 0; i < before->n; i++) {
                const struct environment *environment = before->list[i];
                struct environment_memory memory;
                if (environments_find(survival->environments, environment->view.name)) {
                        continue;
                }
                environment_remember(environment, &memory);
                struct known_environment *known = is_worth_it(&memory) ? calloc(1, sizeof(*known)) : NULL;
                if (known) {
                        fill_known(environment, &memory, known);
                        known->gone_usec = now_usec;
                        gone_environments_put(&survival->gone, known);
                }
        }
}

static void say_dropped(const char *environment, const char *why)
{
        journal_say(&(struct journal_record){ .priority = LOG_NOTICE,
                                              .id = EVENT_SESSIONS_DROPPED,
                                              .environment = environment },
                    "the session from before the restart is dropped: %s", why);
}

static const struct saved_environment *find_saved(const struct saved_sessions *kept, const char *name)
{
        for (size_t i = 0; kept && i < kept->n_environments; i++) {
                if (streq(kept->environments[i].name, name)) {
                        return &kept->environments[i];
                }
        }
        return NULL;
}

static void restore_environment(struct environment *environment, const struct known_environment *known,
                                const struct saved_environment *saved, uint64_t now_usec)
{
        struct environment_memory memory;
        char life[DURATION_TEXT_MAX];
        const char *why = kept_memory_join(environment->settings, known, saved, now_usec, &memory);

        environment_restore(environment, &memory);
        if (why) {
                say_dropped(environment->view.name, why);
        } else if (memory.session) {
                journal_say(&(struct journal_record){ .priority = LOG_INFO,
                                                      .id = EVENT_SESSIONS_RESTORED,
                                                      .environment = environment->view.name,
                                                      .key = memory.session->key_label },
                            "the session from before the restart lives on for %s",
                            duration_format(memory.token.expires_usec - now_usec, life));
        }
}

/* The exchanges of an environment that is not there now count when it is there again. */
static void note_absent(struct survival *survival, const struct saved_environment *saved)
{
        struct known_environment *known = gone_environments_take(&survival->gone, saved->name);

        say_dropped(saved->name, "there is no such environment any more");
        known = known ? known : calloc(1, sizeof(*known));
        if (known) {
                (void)snprintf(known->name, sizeof(known->name), "%s", saved->name);
                (void)snprintf(known->base_url, sizeof(known->base_url), "%s", saved->base_url);
                refresh_past_join(&known->past, &saved->past);
                gone_environments_put(&survival->gone, known);
        }
}

void survival_restore(struct survival *survival, uint64_t now_usec)
{
        _cleanup_(saved_sessions_freep) struct saved_sessions *kept = take_ptr(survival->kept);

        for (size_t i = 0; kept && i < kept->n_environments; i++) {
                struct saved_environment *saved = &kept->environments[i];
                if (!saved_environment_possible(saved, now_usec)) {
                        say_dropped(saved->name, "its times lie in the future");
                        *saved->name = '\0';
                } else if (!environments_find(survival->environments, saved->name)) {
                        note_absent(survival, saved);
                }
        }
        gone_environments_drop_impossible(&survival->gone, now_usec);
        for (size_t i = 0; i < survival->environments->n; i++) {
                struct environment *environment = survival->environments->list[i];
                const struct saved_environment *saved = find_saved(kept, environment->view.name);
                _cleanup_free_ struct known_environment *known =
                        gone_environments_take(&survival->gone, environment->view.name);
                if (known || saved) {
                        restore_environment(environment, known, saved, now_usec);
                }
        }
        gone_environments_settle(&survival->gone, now_usec);
}

/* ---- life ---- */

const uint8_t *survival_salt(const struct survival *survival)
{
        return survival->salt;
}

struct exchange_ledger *survival_ledger(struct survival *survival)
{
        return survival->ledger;
}

static void free_survival(struct survival **survival)
{
        *survival = survival_free(*survival);
}

/* Takes over what was known; a ledger of times to come is none. */
static void take_knowledge(struct survival *survival, struct saved_knowledge *known)
{
        for (size_t i = 0; i < known->n_environments; i++) {
                gone_environments_put(&survival->gone, take_ptr(known->environments[i]));
        }
        if (exchange_ledger_possible(known->ledger, clock_now_usec())) {
                survival->ledger = take_ptr(known->ledger);
        }
        memcpy(survival->salt, known->salt, sizeof(survival->salt));
        (void)saved_knowledge_free(known);
}

/* False: there is no randomness for a salt yet. */
static bool read_kept(struct survival *survival, struct passed_sockets *passed)
{
        const ssize_t size = sizeof(survival->salt);
        struct saved_knowledge *known = NULL;

        kept_texts_init(&survival->texts, passed, &survival->kept, &known);
        if (known) {
                take_knowledge(survival, known);
                return true;
        }
        if (survival->kept) {
                memcpy(survival->salt, survival->kept->salt, sizeof(survival->salt));
                return true;
        }
        return getrandom(survival->salt, (size_t)size, GRND_NONBLOCK) == size;
}

static int begin_looking(struct survival *survival, sd_event *event)
{
        int r = timer_new(&survival->again, event, CLOCK_BOOTTIME, on_again, survival, "survival, again");
        if (r < 0) {
                return r;
        }
        r = turn_new(&survival->later, event, on_later, survival, "survival");

        /* Before an exchange that was just begun is on the wire. */
        return r < 0 ? r : sd_event_source_set_priority(survival->later, SD_EVENT_PRIORITY_IMPORTANT);
}

int survival_new(struct survival **ret, sd_event *event, const struct environments *environments,
                 struct passed_sockets *passed)
{
        _cleanup_(free_survival) struct survival *survival = calloc(1, sizeof(*survival));

        if (!survival) {
                return -ENOMEM;
        }
        survival->environments = environments;
        bool salted = read_kept(survival, passed);
        if (!survival->ledger && !(survival->ledger = calloc(1, sizeof(*survival->ledger)))) {
                return -ENOMEM;
        }
        if (survival->texts.sessions.usable && salted) {
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
                if (survival->later &&
                    (sd_event_source_get_enabled(survival->later, NULL) > 0 || survival->wait_usec > 0)) {
                        look_and_tell(survival);
                }
                sd_event_source_disable_unref(survival->again);
                sd_event_source_disable_unref(survival->later);
                kept_texts_clear(&survival->texts);
                gone_environments_clear(&survival->gone);
                (void)saved_sessions_free(survival->kept);
                free(survival->ledger);
                free(survival);
        }
        return NULL;
}

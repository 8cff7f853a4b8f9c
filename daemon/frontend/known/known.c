/* The frontend's knowledge. */
#include "daemon/frontend/known/known.h"

#include "daemon/base/journal.h"
#include "daemon/base/keyed_digest.h"
#include "lib/secret.h"
#include "lib/util.h"

#include <errno.h>

#define NAMES_WAIT_USEC (5 * USEC_PER_SEC) /* for the names; then the keeper is asked once more */

/* ---- environments ---- */

int known_find(const struct known *known, const char *name)
{
        for (size_t i = 0; i < known->n_environments; i++) {
                if (streq(known->environments[i]->view.name, name)) {
                        return (int)i;
                }
        }
        return -1;
}

static bool names_environment(const struct access_settings *settings, const char *name)
{
        for (size_t i = 0; i < settings->n_environments; i++) {
                if (streq(settings->environments[i].name, name)) {
                        return true;
                }
        }
        return false;
}

static void leave_place(struct known_environment *place)
{
        (void)session_unref(place->session);
        (void)secret_free(place->opaque);
        *place = (struct known_environment){ 0 };
}

/* There are as many places as there may be environments. */
static struct known_environment *take_place(struct known *known, const char *name)
{
        struct known_environment *place = known->places;

        while (*place->view.name) {
                place++;
        }
        memcpy(place->view.name, name, sizeof(place->view.name));
        refresh_init(&place->view.refresh);
        return place;
}

void known_take_settings(struct known *known, struct access_settings *settings)
{
        struct known_environment *order[SETTINGS_ENVIRONMENTS_MAX];

        for (size_t i = 0; i < SETTINGS_ENVIRONMENTS_MAX; i++) {
                if (*known->places[i].view.name &&
                    !names_environment(settings, known->places[i].view.name)) {
                        int at = known_find(known, known->places[i].view.name);
                        leave_place(known->environments[at]);
                        known->environments[at] = known->environments[--known->n_environments];
                }
        }
        for (size_t i = 0; i < settings->n_environments; i++) {
                int at = known_find(known, settings->environments[i].name);
                order[i] = at >= 0 ? known->environments[at]
                                   : take_place(known, settings->environments[i].name);
        }
        known->n_environments = settings->n_environments;
        memcpy(known->environments, order, known->n_environments * sizeof(order[0]));
        (void)access_settings_free(known->settings);
        known->settings = settings;
        known->generation++;
        rule_groups_of_access(&known->rule_groups, settings);
        known_groups_forget(&known->groups);
        known_units_forget(&known->units);
}

int known_take_environment(struct known *known, const struct environment_view *view, struct session *session)
{
        int at = known_find(known, view->name);

        if (at >= 0) {
                struct known_environment *environment = known->environments[at];
                bool news = view->n_news != environment->view.n_news;
                environment->view = *view;
                if (environment->session != session) {
                        (void)session_unref(environment->session);
                        environment->session = session_ref(session);
                }
                if (news) {
                        waiters_tell(&environment->waiters);
                }
        }
        return at;
}

int known_take_opaque_keys(struct known *known, const char *environment,
                           const uint8_t keys[][MESSAGE_OPAQUE_KEY_SIZE], size_t n)
{
        int at = known_find(known, environment);

        if (at < 0) {
                return 0;
        }
        struct known_opaque_keys **opaque = &known->environments[at]->opaque;
        if (!*opaque && !(*opaque = secret_alloc(sizeof(**opaque)))) {
                return -ENOMEM;
        }
        (*opaque)->n = n;
        memcpy((*opaque)->keys, keys, sizeof((*opaque)->keys));
        return 0;
}

bool known_configured(const struct known_environment *environment)
{
        return environment_view_configured(&environment->view);
}

struct session *known_session(const struct known_environment *environment, uint64_t now_usec)
{
        return session_alive(environment->session, now_usec) ? environment->session : NULL;
}

const char *known_why(const struct known *known, const struct known_environment *environment,
                      uint64_t now_usec, char buffer[static ENVIRONMENT_WHY_MAX])
{
        buffer[0] = '\0';
        if (known_session(environment, now_usec)) {
                return buffer;
        }
        return environment_view_why(&environment->view, known->keys, now_usec, buffer);
}

/* ---- keys ---- */

void known_take_keys(struct known *known, const struct keys_view *keys)
{
        size_t size = sizeof(*keys) + keys->n_refusals * sizeof(keys->refusals[0]);
        struct keys_view *copy = malloc(size);

        if (!copy) {
                journal_say(&(struct journal_record){ .priority = LOG_ERR },
                            "out of memory: the keys are shown as before");
                return;
        }
        memcpy(copy, keys, size);
        free(known->keys);
        known->keys = copy;
}

bool known_is_id(const struct known *known, const char *id)
{
        uint8_t digest[KEYED_DIGEST_SIZE];
        bool found = false;

        if (!known->keys || keyed_digest(id, strlen(id), known->keys->salt, digest) < 0) {
                return true; /* it cannot be ruled out */
        }
        for (size_t i = 0; i < known->keys->n_ids; i++) {
                found = secret_equal(known->keys->ids[i], digest, sizeof(digest)) || found;
        }
        return found;
}

int known_digest(const struct known *known, const char *text, uint32_t *ret)
{
        uint8_t digest[KEYED_DIGEST_SIZE];
        int r = known->keys ? keyed_digest(text, strlen(text), known->keys->salt, digest) : -ENODATA;

        if (r >= 0) {
                memcpy(ret, digest, sizeof(*ret));
        }
        return r;
}

const char *known_keys_directory(const struct known *known)
{
        return known->keys ? known->keys->directory : "the keys' directory";
}

/* ---- names ---- */

void known_take_names(struct known *known, uint64_t again_usec, uint64_t until_usec)
{
        known->names_again_usec = again_usec;
        known->names_until_usec = until_usec;
        known->names_asked_usec = 0;
        waiters_tell(&known->names_waiters);
}

int known_names(struct known *known, uint64_t now_usec, struct waiter *waiter, uint64_t *ret_until_usec)
{
        uint64_t asked_usec = known->names_asked_usec;

        if (now_usec >= known->names_again_usec &&
            (asked_usec == 0 || now_usec >= asked_usec + NAMES_WAIT_USEC)) {
                known->names_asked_usec = now_usec;
                known->sides->ask->names(known->sides->keeper);
        }
        if (now_usec < known->names_until_usec) {
                /* While they are looked up, news may come that changes no right: then they are to be asked
                 * for again. */
                *ret_until_usec = now_usec < known->names_again_usec
                                          ? known->names_again_usec
                                          : MIN_OF(known->names_until_usec, now_usec + NAMES_WAIT_USEC);
                return 0;
        }
        waiters_add(&known->names_waiters, waiter);
        *ret_until_usec = known->names_asked_usec + NAMES_WAIT_USEC;
        return -EAGAIN;
}

/* ---- life ---- */

void known_init(struct known *known, struct sides *sides)
{
        known->sides = sides;
        known->groups.questions.sides = sides;
        known->units.sides = sides;
}

void known_clear(struct known *known)
{
        for (size_t i = 0; i < SETTINGS_ENVIRONMENTS_MAX; i++) {
                leave_place(&known->places[i]);
        }
        known->n_environments = 0;
        known->settings = access_settings_free(known->settings);
        free(known->keys);
        known->keys = NULL;
        known_groups_clear(&known->groups);
        known_units_clear(&known->units);
}

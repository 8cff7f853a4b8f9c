/* The frontend's knowledge: all news from the keeper, and the questions that it waits for. */
#pragma once

#include "daemon/base/sides.h"
#include "daemon/base/waiters.h"
#include "daemon/frontend/known/known_groups.h"
#include "daemon/frontend/known/known_units.h"
#include "daemon/frontend/known/questions.h"
#include "lib/message.h"
#include "lib/spaced_turns.h"

/* The secret of an environment's opaque tokens: keys of a MAC. In secret memory. */
struct known_opaque_keys {
        size_t n; /* 0: there are none, so none can be made */
        uint8_t keys[MESSAGE_OPAQUE_KEYS_MAX]
                    [MESSAGE_OPAQUE_KEY_SIZE]; /* made with the first, known by any */
};

/* Something that was seen: how often, and when last. Zeroed: never. */
struct known_sighting {
        uint64_t n, last_usec;
};

struct known_environment {
        struct environment_view view;
        struct session *session;           /* in hand; NULL: none */
        struct known_opaque_keys *opaque;  /* NULL until the keeper has told them */
        struct waiters waiters;            /* told at every outcome and change of keys */
        struct known_sighting unknown_ids; /* programs that sent an ID that nobody here knows */
};

/* Zeroed, then known_init(). */
struct known {
        struct sides *sides;
        struct access_settings *settings; /* NULL until the keeper has told them */
        uint64_t generation;              /* grows with every change of the rules; from 1 */
        struct rule_groups rule_groups;   /* of the settings */
        struct known_environment *environments[SETTINGS_ENVIRONMENTS_MAX]; /* in the order of the settings */
        size_t n_environments;
        struct known_environment places[SETTINGS_ENVIRONMENTS_MAX]; /* where they lie; "" is a free one */
        struct keys_view *keys; /* NULL until the keeper has told them, or without memory */

        struct known_groups groups;
        struct known_units units;
        struct spaced_turns long_lists; /* of groups, which the kernel is asked for */
        uint64_t names_again_usec, names_until_usec, names_asked_usec; /* see struct message_names_told */
        struct waiters names_waiters;
        struct questions questions;
        uint64_t heard_usec; /* when something came from the keeper last */

        uint64_t n_credentials_given, n_credentials_refused; /* for the metrics */
};

void known_init(struct known *known, struct sides *sides);
void known_clear(struct known *known);

/* ---- what the keeper tells; see lib/message.h ---- */

/* Nothing may wait for an environment any more. */
void known_take_settings(struct known *known, struct access_settings *settings);
/* Returns the environment's place in the order of the settings; -1: there is none of this name. */
int known_take_environment(struct known *known, const struct environment_view *view,
                           struct session *session);
/* Of an environment that there is not, nothing is taken. -ENOMEM. */
int known_take_opaque_keys(struct known *known, const char *environment,
                           const uint8_t keys[][MESSAGE_OPAQUE_KEY_SIZE], size_t n);
void known_take_keys(struct known *known, const struct keys_view *keys);
void known_take_names(struct known *known, uint64_t again_usec, uint64_t until_usec);

/* ---- what is known ---- */

/* Its place in the order of the settings; -1: there is none of this name. */
int known_find(const struct known *known, const char *name);

/* Is there at least one key? */
bool known_configured(const struct known_environment *environment);

/* The session to hand out now, still the environment's; NULL if none lives. The read path's own check of
 * expiry. */
struct session *known_session(const struct known_environment *environment, uint64_t now_usec);

/* Why there is no token, or "" if there is one: for people, with what to do. Returns buffer. */
const char *known_why(const struct known *known, const struct known_environment *environment,
                      uint64_t now_usec, char buffer[static ENVIRONMENT_WHY_MAX]);

/* Is this the application ID of a key that is held? Then it is not to be logged. */
bool known_is_id(const struct known *known, const char *id);

/* A number for this text, which nobody gets it back from, and which is another one after the next start.
 * Negative errno: there is none. */
int known_digest(const struct known *known, const char *text, uint32_t *ret);

/* "/etc/eqp-broker/keys". */
const char *known_keys_directory(const struct known *known);

/* Are the names in the rules up to date? 0: they are to be asked for again then. -EAGAIN: they are being
 * looked up; the waiter is told, and is to look again at that moment at the latest. */
int known_names(struct known *known, uint64_t now_usec, struct waiter *waiter, uint64_t *ret_until_usec);

/* What passes between the keeper and the frontend: this page is all of it.
 *
 * Values only. The frontend names an environment, never a URL, a file or a key. What it asks is never
 * answered from within: a question with a number has its answer later, by frontend_calls.outcome() with that
 * number; and every change of what the frontend has to know is told to it. So the two can be processes, and
 * neither calls the other but through here. */
#pragma once

#include "daemon/base/passed_sockets.h"
#include "lib/access_settings.h"
#include "lib/environment_view.h"
#include "lib/session.h"

#include <sys/types.h>
#include <systemd/sd-event.h>

/* How many users' groups may be asked for at a time. */
#define GROUP_QUESTIONS_MAX 16

/* What became of a question. */
struct keeper_outcome {
        uint64_t number;
        enum refresh_verdict verdict;     /* of a demand, a report, a refresh */
        struct refresh_obstacle obstacle; /* REFRESH_TOO_SOON: what is against it, and until when */
        bool stopping; /* of a reload: there is none any more, the daemon is about to end */
        char message[SETTINGS_ERROR_MAX]; /* of a reload: why it failed; "": it did not */
};

struct keeper;
struct frontend;

/* What the keeper can be asked. */
struct keeper_calls {
        /* A caller needs a token with min_ttl_sec of life; may cause an exchange. */
        void (*demand)(struct keeper *keeper, uint64_t number, const char *environment,
                       uint32_t min_ttl_sec);

        /* A caller says that the upstream refused this token. */
        void (*report)(struct keeper *keeper, uint64_t number, const char *environment, const char *ust,
                       size_t length);

        /* An operator wants a new token. new_account: whatever account it is of is the environment's from
         * then on. */
        void (*refresh)(struct keeper *keeper, uint64_t number, const char *environment, bool new_account);

        /* Settings and keys are to be read again. */
        void (*reload)(struct keeper *keeper, uint64_t number);

        /* The groups of this user are needed: frontend_calls.groups() follows, unless more than
         * GROUP_QUESTIONS_MAX are waited for. */
        void (*groups)(struct keeper *keeper, uid_t uid);

        /* The names in the rules are old: frontend_calls.names() follows. */
        void (*names)(struct keeper *keeper);
};

/* What the frontend is told. */
struct frontend_calls {
        /* These hold from now on. Takes them over. The environments that follow are in their order. */
        void (*settings)(struct frontend *frontend, struct access_settings *settings);

        /* Something has changed about an environment of the settings in force. The session in hand (NULL:
         * none) gets one more reference. */
        void (*environment)(struct frontend *frontend, const struct environment_view *view,
                            struct session *session);

        /* The key files were read. */
        void (*keys)(struct frontend *frontend, const struct keys_view *keys);

        void (*outcome)(struct frontend *frontend, const struct keeper_outcome *outcome);

        /* Those of a user's groups, the primary one included, that rules of the settings in force name:
         * RULE_GROUPS_MAX at most, sorted. n is 0 if there is none, if the user database does not know the
         * user, or, with told false, if it did not tell. */
        void (*groups)(struct frontend *frontend, uid_t uid, const gid_t *groups, size_t n, bool told);

        /* The names in the rules were looked up: they are good until then, and best looked up again from
         * again_usec on. USEC_NEVER: there are none. */
        void (*names)(struct frontend *frontend, uint64_t again_usec, uint64_t until_usec);

        /* ---- its sockets, which the keeper is to open some day, and its end ---- */

        /* Opens the sockets that these settings want and closes the others. Negative errno: all is as it
         * was, and reterr_message says why. */
        int (*listen)(struct frontend *frontend, const struct settings *settings,
                      char reterr_message[static SETTINGS_ERROR_MAX]);

        /* Gives the unix sockets mode and group of these settings once more: the group may have another
         * number. */
        void (*give_sockets)(struct frontend *frontend, const struct settings *settings);

        /* Accepts no more, and answers what was accepted: calls done, once, when that is over. */
        void (*drain)(struct frontend *frontend, void (*done)(void *userdata), void *userdata);

        /* NULL is fine; returns NULL. */
        struct frontend *(*free)(struct frontend *frontend);
};

/* Both, each for the other. */
struct sides {
        const struct keeper_calls *ask;
        struct keeper *keeper;
        const struct frontend_calls *tell;
        struct frontend *frontend; /* NULL: there is none */
};

/* Makes the frontend, and puts it into the sides. Takes over what the service manager passed for listening.
 * Negative errno (logged). */
typedef int (*frontend_start_fn)(struct sides *sides, sd_event *event, struct passed_sockets *passed);

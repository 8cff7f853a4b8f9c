/* The frontend's questions to the keeper, and their answers: values only. The frontend names an
 * environment, never a URL, a file or a key. No question is answered from within: it has a number, and its
 * answer comes as a message with that number. News that the keeper sends unasked are in lib/message.h. */
#pragma once

#include "lib/access_settings.h"
#include "lib/environment_view.h"
#include "lib/session.h"

#include <sys/types.h>

/* How many users' groups may be asked for at a time. */
#define GROUP_QUESTIONS_MAX 16

/* How many control groups' units may be asked for at a time. */
#define UNIT_QUESTIONS_MAX 64

/* How often at most the keeper hears that requests are on the lanes. */
#define CARRYING_PAUSE_USEC (1 * USEC_PER_SEC)

/* The outcome of a question. */
struct keeper_outcome {
        uint64_t number;
        enum refresh_verdict verdict;     /* of a demand, a report, a refresh */
        struct refresh_obstacle obstacle; /* REFRESH_TOO_SOON: the obstacle, and until when */
        bool stopping; /* of a reload: there is none any more, the daemon is about to end */
        char message[SETTINGS_ERROR_MAX]; /* of a reload: why it failed; "": it did not */
};

struct keeper;

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

        /* Is it at work? The outcome has nothing but the number. */
        void (*alive)(struct keeper *keeper, uint64_t number);

        /* Settings and keys are to be read again. */
        void (*reload)(struct keeper *keeper, uint64_t number);

        /* Those of this user's groups that rules name are needed: they follow, unless more than
         * GROUP_QUESTIONS_MAX are waited for. */
        void (*groups)(struct keeper *keeper, uid_t uid);

        /* The names in the rules are old: they are looked up, and that is told. */
        void (*names)(struct keeper *keeper);

        /* The unit that has this control group is needed: it follows, unless more than UNIT_QUESTIONS_MAX
         * are waited for. */
        void (*unit)(struct keeper *keeper, uint64_t cgroup);

        /* The frontend's end of this lane (lib/lane.h) is of no use any more, and closed: another one of
         * that number comes. serial: the one that came with it. broken: the forwarder sent over it what
         * makes no sense, so another forwarder is to come. */
        void (*lane_dead)(struct keeper *keeper, uint32_t id, uint64_t serial, bool broken);

        /* Requests are on the lanes: the forwarder is asked whether it is at work, and addresses that have
         * got old are looked up again. To be said when one is put on a lane, and once a second while one is
         * on its way and nothing is heard of it; less than CARRYING_PAUSE_USEC after the last time it is
         * not sent. */
        void (*carrying)(struct keeper *keeper, uint64_t now_usec);
};

/* Whom to ask. */
struct sides {
        const struct keeper_calls *ask;
        struct keeper *keeper;
};

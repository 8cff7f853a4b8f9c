/* The user database's answers on the users and groups that rules name: found (with a number), unknown, or
 * nothing yet. Only what was said replaces an answer; while the database is silent the last one stands, for
 * an hour. The numbers in the settings' rules are copies of the answers. */
#pragma once

#include "lib/settings.h"

/* How long an answer stands while there is no other. */
#define RULE_ANSWERS_SILENT_USEC UINT64_C(3600000000)
#define RULE_ANSWERS_KEPT_USEC   UINT64_C(60000000) /* how old an answer may be */
/* Likewise where there is none, or that the name is unknown: it may just have been made, and where a
 * directory service restarts, some say "unknown" rather than nothing. */
#define RULE_ANSWERS_WANTING_USEC UINT64_C(5000000)

enum rule_answer_state {
        RULE_ANSWER_PENDING,
        RULE_ANSWER_UNKNOWN,
        RULE_ANSWER_FOUND,
};

struct rule_answer {
        enum access_rule_kind kind; /* ACCESS_RULE_USER or ACCESS_RULE_GROUP */
        char name[ACCESS_RULE_NAME_MAX + 1];
        enum rule_answer_state state;
        uint32_t id; /* RULE_ANSWER_FOUND only */
        int error;   /* errno: why it said nothing when it was last asked; 0: it did */
        /* of CLOCK_BOOTTIME */
        uint64_t told_usec;  /* when that was asked which the user database last said something of */
        uint64_t again_usec; /* best asked again from then on */
        uint64_t until_usec; /* the answer is good until then */
        uint64_t begun_usec; /* a look-up is under way since then; 0: none is */
};

struct rule_answers {
        size_t n;
        struct rule_answer list[];
};

/* A list of the names in the settings, each with the earlier answer (NULL: there are none), best asked again
 * at once. -ENOMEM. */
int rule_answers_new(struct rule_answers **ret, struct settings *settings,
                     const struct rule_answers *earlier);
/* NULL is fine; returns NULL. */
struct rule_answers *rule_answers_free(struct rule_answers *answers);

/* Puts the numbers into the settings' rules. */
void rule_answers_apply(const struct rule_answers *answers, struct settings *settings);

/* Says in the log which rules of new settings give nothing, for want of such a name or of an answer. */
void rule_answers_say(const struct rule_answers *answers, struct settings *settings);

/* Is there a rule that gives nothing and should, as its name is not there? (Not one of the defaults.) */
bool rule_answers_lacking(struct settings *settings);

/* When the first of them is best asked again, and when the first that gives a right is old; USEC_NEVER:
 * there are none. */
void rule_answers_times(const struct rule_answers *answers, uint64_t *ret_again_usec,
                        uint64_t *ret_until_usec);

/* Asks the user database, in any thread; may block. Fills state, id and error. Any error is silence, and
 * leaves state and id as they are. */
void rule_answer_look_up(struct rule_answer *answer);

/* A look-up that was begun then has ended: notes until when its outcome is good, and gives up what was said
 * too long ago. */
void rule_answer_settle(struct rule_answer *answer, uint64_t begun_usec, uint64_t now_usec);

/* "user" or "group". */
const char *rule_answer_kind(enum access_rule_kind kind);

/* For --check: every name must be there. fault is given, for each rule whose name is not, a message that
 * says which, where and what to do. Returns a negative number if there are any. May block. */
typedef void (*rule_answers_fault_fn)(const char *message);
int rule_answers_check(struct settings *settings, rule_answers_fault_fn fault);

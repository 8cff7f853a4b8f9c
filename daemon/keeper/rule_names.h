/* The users and groups that the rules name: their numbers, and whether they still hold.
 *
 * A name may go, and its number be given to somebody else, who must not inherit what the rule gave. So the
 * user database is asked when settings are read, and again, off the loop, when a request finds its answers
 * old. A name that is gone gives no right from then on, and takes nothing else down. */
#pragma once

#include "daemon/base/waiters.h"
#include "daemon/keeper/rule_answers.h"
#include "lib/settings.h"

#include <systemd/sd-event.h>

#define RULE_NAMES_KEPT_USEC    UINT64_C(60000000) /* how old an answer may be */
#define RULE_NAMES_PENDING_USEC UINT64_C(5000000)  /* likewise while one is wanting */
#define RULE_NAMES_WAIT_USEC    UINT64_C(5000000)  /* how long a request waits for a new one */

struct rule_names;

/* The numbers in the settings' rules have changed: rights are to be judged anew. Called from the loop. */
typedef void (*rule_names_changed_fn)(void *userdata);

/* Negative errno. */
int rule_names_new(struct rule_names **ret, sd_event *event, rule_names_changed_fn changed, void *userdata);
/* NULL is fine; returns NULL. */
struct rule_names *rule_names_free(struct rule_names *names);

/* The latest answers, for rule_answers_new(); NULL before the first rule_names_adopt(). */
const struct rule_answers *rule_names_answers(const struct rule_names *names);

/* These settings, whose names were answered so, are in force from now on, until others are adopted. Takes
 * the answers over. */
void rule_names_adopt(struct rule_names *names, struct settings *settings, struct rule_answers *answers);

/* May the answers be believed at this moment? 0: yes, until ret_until_usec. -EAGAIN: they are old and are
 * looked up again; rule_names_wait() for the outcome, until ret_until_usec at most. */
int rule_names_ask(struct rule_names *names, uint64_t now_usec, uint64_t *ret_until_usec);

/* Tells the waiter when a look-up has ended, or other settings are in force. */
void rule_names_wait(struct rule_names *names, struct waiter *waiter);

/* The users and groups that the rules name: whether they still hold.
 *
 * A name may go, and its number be given to somebody else, who must not inherit what the rule gave. So the
 * user database is asked when settings are read, and again when a request finds its answers old; in threads,
 * as it may take long. A name that is gone gives no right from then on, and takes nothing else down. */
#pragma once

#include "daemon/keeper/rule_answers.h"

#include <systemd/sd-event.h>

#define RULE_NAMES_THREADS_MAX 16                /* at a time, for the settings in force; others queue */
#define RULE_NAMES_HANGING_MAX 32                /* with those that still hang for earlier settings */
#define RULE_NAMES_WAIT_USEC   UINT64_C(5000000) /* after that a look-up is as good as none */
/* At a reload the others are not to notice it. A local file takes less. */
#define RULE_NAMES_PAUSE_USEC UINT64_C(100000)
#define RULE_NAMES_RETRY_USEC UINT64_C(30000000) /* while a rule lacks its name, also without a request */

struct rule_names;

/* Something has come of a look-up, or nothing in time: the answers are good until then, and best looked up
 * again from again_usec on (USEC_NEVER: there are no names). changed: so have numbers in the settings'
 * rules, and rights are to be judged anew. Called in a turn of its own. False: there was no memory to do so;
 * it is called again, with the same, at the next look. */
typedef bool (*rule_names_told_fn)(bool changed, uint64_t again_usec, uint64_t until_usec, void *userdata);

/* Negative errno. */
int rule_names_new(struct rule_names **ret, sd_event *event, rule_names_told_fn told, void *userdata);
/* NULL is fine; returns NULL. */
struct rule_names *rule_names_free(struct rule_names *names);

/* Looks up the names of new settings, and puts the numbers into their rules; says in the log which give
 * nothing. It waits for the user database, but so long at most: a name without an answer by then has the
 * earlier one, if there is one, and follows as news once the settings are in force. -ENOMEM. */
int rule_names_ask(struct rule_names *names, struct settings *settings, uint64_t now_usec,
                   uint64_t wait_usec);

/* The settings that were asked for last are in force from now on, until others are. The told function
 * follows. */
void rule_names_adopt(struct rule_names *names, struct settings *settings);

/* Somebody finds answers old: has them looked up, unless that is under way. The told function follows. */
void rule_names_look_again(struct rule_names *names, uint64_t now_usec);

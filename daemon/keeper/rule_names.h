/* The users and groups that the rules name: whether they still hold.
 *
 * A name may go, and its number be given to somebody else, who must not inherit what the rule gave. So the
 * user database is asked when settings are read, and again, off the loop, when a request finds its answers
 * old. A name that is gone gives no right from then on, and takes nothing else down. */
#pragma once

#include "daemon/keeper/rule_answers.h"

#include <systemd/sd-event.h>

#define RULE_NAMES_THREADS_MAX 16                /* at a time, for the settings in force; others queue */
#define RULE_NAMES_HANGING_MAX 64                /* with those that still hang for earlier settings */
#define RULE_NAMES_WAIT_USEC   UINT64_C(5000000) /* after that a look-up is as good as none */

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

/* The latest answers, for rule_answers_new(); NULL before the first rule_names_adopt(). */
const struct rule_answers *rule_names_answers(const struct rule_names *names);

/* These settings, whose names were answered so, are in force from now on, until others are adopted. Takes
 * the answers over; the told function follows. */
void rule_names_adopt(struct rule_names *names, struct settings *settings, struct rule_answers *answers);

/* Somebody finds answers old: has them looked up, unless that is under way. The told function follows. */
void rule_names_look_again(struct rule_names *names, uint64_t now_usec);

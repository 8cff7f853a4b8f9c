/* The groups of users on TCP, of which the kernel tells the uid only: asked of the keeper, remembered for a
 * minute. Only those that rules name are of interest. */
#pragma once

#include "daemon/frontend/known/group_questions.h"
#include "lib/rule_groups.h"

/* Users; half of them may be such as have no group that rules name, so that these do not push out the
 * others. Beyond it the oldest is forgotten. */
#define KNOWN_GROUPS_MAX        256
#define KNOWN_GROUPS_KEPT_USEC  UINT64_C(60000000)
#define KNOWN_GROUPS_DOUBT_USEC UINT64_C(5000000) /* after a refusal */

/* Zeroed, with the sides in questions: nobody's are known. */
struct known_groups {
        struct group_questions questions;
        struct {
                uid_t uid;
                gid_t *groups; /* that rules name */
                size_t n;
                bool told; /* by the user database; else it was silent */
                uint64_t until_usec;
        } users[KNOWN_GROUPS_MAX];
        size_t n_users;
};

/* The groups of this user that rules name, primary one included: 0, to be believed until ret_until_usec.
 * -EAGAIN: the keeper is asked, and the waiter told. -ENODATA: the user database was silent, and is asked
 * again from ret_until_usec on; that is not to be taken for a user without groups, whom no deny concerns. */
int known_groups_find(struct known_groups *groups, uid_t uid, uint64_t now_usec, struct waiter *waiter,
                      struct rule_group_list *ret, uint64_t *ret_until_usec);

/* This user was refused: the answer counts for seconds only, as the user may be made a member next,
 * and try again; a database in trouble is spared. Returns until when it is believed. */
uint64_t known_groups_doubt(struct known_groups *groups, uid_t uid, uint64_t now_usec);

/* The keeper's answer; see struct message_groups_told. Without memory for it there is none. */
void known_groups_take(struct known_groups *groups, uid_t uid, const gid_t *list, size_t n, bool told,
                       uint64_t now_usec);

/* Rights end with the next settings at the latest: everybody's are asked for again. */
void known_groups_forget(struct known_groups *groups);

void known_groups_clear(struct known_groups *groups);

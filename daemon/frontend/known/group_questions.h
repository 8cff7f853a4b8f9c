/* Whose groups the keeper is asked for next. The user database may take long for a uid that it does not
 * know, and some users have 65,536 uids to ask with: so only a few questions are under way at a time, and
 * the order is this.
 *
 * - Users who are known to be a member of a group that rules name, first: a part of the questions is theirs.
 * - Else in turn: the uid that has waited longest, then the one that is farthest from those asked about
 * last. Uids of one owner lie side by side, and so get no more turns than one that lies elsewhere. */
#pragma once

#include "daemon/base/sides.h"
#include "daemon/base/waiters.h"

#define GROUP_QUESTIONS_STRANGERS (GROUP_QUESTIONS_MAX * 3 / 4) /* of those at a time, at most */
#define GROUP_QUESTIONS_LOST_USEC UINT64_C(10000000)            /* asked so long ago, it is not waited for */
#define GROUP_QUESTIONS_RECENT    16

struct group_question;

/* Zeroed, with the sides: there are none. */
struct group_questions {
        struct sides *sides;
        struct group_question *first, *last;  /* the oldest first */
        uid_t recent[GROUP_QUESTIONS_RECENT]; /* asked about, a ring */
        uint64_t n_strangers;                 /* asked about so far */
};

/* The groups of this user are needed: the waiter is told when they were answered. member: it is known to
 * have some that rules name. Without memory nobody is asked, and the waiter not told. */
void group_questions_add(struct group_questions *questions, uid_t uid, bool member, uint64_t now_usec,
                         struct waiter *waiter);

/* The keeper has answered: tells the waiters, and asks what is to be asked next. */
void group_questions_answered(struct group_questions *questions, uid_t uid, uint64_t now_usec);

/* Nobody waits any more. */
void group_questions_clear(struct group_questions *questions);

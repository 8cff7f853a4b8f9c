/* A connection's caller: its identity, from the kernel, and its rights, by the rules as they were
 * judged last. */
#pragma once

#include "daemon/frontend/callers/peer.h"
#include "daemon/frontend/known/known.h"

struct caller {
        struct peer peer;
        uint64_t generation;           /* of the rules that the rights were judged by; 0: not yet */
        uint64_t until_usec;           /* then they are judged again: groups and names may have changed */
        uint64_t groups_until_usec;    /* the groups are waited for; 0: they are not */
        uint64_t unit_until_usec;      /* likewise the unit */
        int unit_error;                /* why no rule for its unit counted, as peer_unit_find() says; 0 */
        uint32_t may_use, may_operate; /* a bit per environment, in the order of the settings */
        bool may_reload;
        /* Of the groups that rules name (known->rule_groups, a bit each): those that it is a member of. Kept
         * where local keys or the gateway's rules name groups; has_groups: they are known. */
        bool has_groups;
        uint8_t *member_of;
};

/* Judges what the caller may do, where that is not known: at the first request that needs a right, when the
 * rules have changed, and when what the user database told is old. False: that has to be asked; the waiter
 * is told, and this is to be called again at *ret_wait_until_usec at the latest. last_time: there is no time
 * to wait any more, so the caller is judged by what is known. */
bool caller_judge(struct caller *caller, struct known *known, uint64_t now_usec, bool last_time,
                  struct waiter *waiter, uint64_t *ret_wait_until_usec);

/* It is refused something: it is judged again soon, as it may be made a member of a group next, and try
 * again. */
void caller_doubt(struct caller *caller, struct known *known, uint64_t now_usec);

/* Why rules for units opened nothing for it, where one could have, with the cure; NULL: that is not why. */
const char *caller_unit_obstacle(const struct caller *caller);

/* Has it shown any right so far? */
bool caller_has_right(const struct caller *caller);

/* The caller as rules judge it, by what was judged last. Its groups lie in *room, which has to last as long.
 * `local` is NULL: that is the request's. */
void caller_identify(const struct caller *caller, const struct known *known, struct rule_group_list *room,
                     struct caller_identity *ret);

/* Frees what it holds; the peer's is peer_clear()'s. */
void caller_clear(struct caller *caller);

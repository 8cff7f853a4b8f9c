/* A connection's caller. */
#include "daemon/frontend/callers/caller.h"

#include "daemon/frontend/callers/access.h"
#include "daemon/frontend/callers/peer_groups.h"
#include "daemon/frontend/callers/peer_unit.h"
#include "lib/util.h"

#include <errno.h>

/* How long a slow user database is waited for, or its turn by a caller with a great many groups. */
#define GROUPS_WAIT_USEC (5 * USEC_PER_SEC)
#define UNIT_WAIT_USEC   (5 * USEC_PER_SEC)

/* Asks for those groups of the caller's that rules name: on TCP the user database, by the keeper; on a unix
 * socket the kernel, whose answer never changes. As known_groups_find(). */
static int ask_groups(struct caller *caller, struct known *known, uint64_t now_usec, struct waiter *waiter,
                      struct rule_group_list *ret, uint64_t *ret_until_usec)
{
        const struct peer *peer = &caller->peer;

        *ret_until_usec = USEC_NEVER;
        return peer->tcp
                       ? known_groups_find(&known->groups, peer->uid, now_usec, waiter, ret, ret_until_usec)
                       : peer_groups_find(peer, &known->rule_groups, &known->long_lists, now_usec, ret,
                                          ret_until_usec);
}

/* Asks for the caller's groups where a rule needs them. False: there is no answer yet, and it is to be asked
 * again at *ret_until_usec. Else the answer is good until then. */
static bool complete_groups(struct caller *caller, struct known *known, uint64_t now_usec,
                            struct waiter *waiter, struct rule_group_list *list,
                            struct access_membership *ret, uint64_t *ret_until_usec)
{
        *ret = (struct access_membership){ 0 };
        *ret_until_usec = USEC_NEVER;
        if (caller->peer.known && access_needs_groups(known->settings, &caller->peer)) {
                int r = ask_groups(caller, known, now_usec, waiter, list, ret_until_usec);
                if (r == -EAGAIN) {
                        if (caller->groups_until_usec == 0) {
                                caller->groups_until_usec = now_usec + GROUPS_WAIT_USEC;
                        }
                        *ret_until_usec = MIN_OF(*ret_until_usec, caller->groups_until_usec);
                        if (now_usec < caller->groups_until_usec) {
                                return false;
                        }
                        waiter_cancel(waiter);
                }
                if (r >= 0) {
                        *ret = (struct access_membership){ .known = true, .n = list->n, .ids = list->ids };
                } else {
                        *ret_until_usec = now_usec + KNOWN_GROUPS_DOUBT_USEC; /* judged without groups */
                }
        }
        caller->groups_until_usec = 0;
        return true;
}

/* Asks for the caller's unit where a rule needs it; room: for its name. As complete_groups(). */
static bool complete_unit(struct caller *caller, struct known *known, uint64_t now_usec,
                          struct waiter *waiter, char room[static UNIT_NAME_MAX + 1],
                          struct access_membership *member, uint64_t *ret_until_usec)
{
        int r = 0;

        *ret_until_usec = USEC_NEVER;
        if (access_needs_unit(known->settings, &caller->peer, member)) {
                *ret_until_usec = now_usec + PEER_UNIT_KEPT_USEC;
                r = peer_unit_find(&caller->peer, &known->units, now_usec, waiter, room);
                if (r == -EAGAIN || r == -EBUSY) {
                        if (caller->unit_until_usec == 0) {
                                caller->unit_until_usec = now_usec + UNIT_WAIT_USEC;
                        }
                        *ret_until_usec = r == -EBUSY ? now_usec + PEER_UNIT_BUSY_USEC : USEC_NEVER;
                        *ret_until_usec = MIN_OF(*ret_until_usec, caller->unit_until_usec);
                        if (now_usec < caller->unit_until_usec) {
                                return false;
                        }
                        waiter_cancel(waiter);
                }
                member->unit = r == 0 && *room ? room : NULL;
        }
        caller->unit_error = r;
        caller->unit_until_usec = 0;
        return true;
}

/* Notes its groups by their places among those that rules name: a list would be long. Without memory they
 * are not known. */
static void take_groups(struct caller *caller, const struct known *known,
                        const struct access_membership *groups)
{
        const struct rule_groups *named = &known->rule_groups;

        free(caller->member_of);
        caller->member_of = NULL;
        caller->has_groups = groups->known;
        if (!known->settings->groups_beyond || groups->n == 0) {
                return;
        }
        caller->member_of = calloc((named->n + 7) / 8, 1);
        if (!caller->member_of) {
                caller->has_groups = false;
                return;
        }
        for (size_t i = 0, at = 0; i < named->n && at < groups->n; i++) {
                if (named->ids[i] == groups->ids[at]) { /* both are sorted */
                        caller->member_of[i / 8] |= (uint8_t)(1 << i % 8);
                        at++;
                }
        }
}

void caller_identify(const struct caller *caller, const struct known *known, struct rule_group_list *room,
                     struct caller_identity *ret)
{
        const struct rule_groups *named = &known->rule_groups;
        bool right = caller->generation == known->generation; /* else the places are others */

        room->n = 0;
        for (size_t i = 0; right && caller->member_of && i < named->n; i++) {
                if (caller->member_of[i / 8] & (1 << i % 8)) {
                        room->ids[room->n++] = named->ids[i];
                }
        }
        *ret = (struct caller_identity){ .uid = caller->peer.uid,
                                         .gid = caller->peer.gid,
                                         .has_groups = right && caller->has_groups,
                                         .groups = room->ids,
                                         .n_groups = room->n };
}

void caller_clear(struct caller *caller)
{
        free(caller->member_of);
        caller->member_of = NULL;
}

/* The rights by what is known now. */
static void take_rights(struct caller *caller, struct known *known, const struct access_membership *groups,
                        uint64_t until_usec)
{
        struct access_rights rights = access_judge(known->settings, &caller->peer, groups);

        caller->may_use = rights.use;
        caller->may_operate = rights.operate;
        caller->may_reload = rights.reload;
        take_groups(caller, known, groups);
        caller->generation = known->generation;
        caller->until_usec = until_usec;
}

bool caller_judge(struct caller *caller, struct known *known, uint64_t now_usec, bool last_time,
                  struct waiter *waiter, uint64_t *ret_wait_until_usec)
{
        uint64_t names_until_usec = USEC_NEVER, groups_until_usec, unit_until_usec;
        struct rule_group_list list;
        char unit[UNIT_NAME_MAX + 1];
        struct access_membership groups;

        if (caller->generation == known->generation && now_usec < caller->until_usec) {
                return true;
        }
        if (!complete_groups(caller, known, now_usec, waiter, &list, &groups, &groups_until_usec)) {
                *ret_wait_until_usec = groups_until_usec;
                if (!last_time) {
                        return false;
                }
                groups_until_usec = now_usec;
        }
        if (!complete_unit(caller, known, now_usec, waiter, unit, &groups, &unit_until_usec)) {
                *ret_wait_until_usec = unit_until_usec;
                if (!last_time) {
                        return false;
                }
                waiter_cancel(waiter);
                unit_until_usec = now_usec;
        }
        groups_until_usec = MIN_OF(groups_until_usec, unit_until_usec);
        take_rights(caller, known, &groups, groups_until_usec);
        if (!access_needs_names(known->settings, &caller->peer, &groups)) {
                return true;
        }
        /* A caller without a right is not made to wait for the names: it may not keep a place so long.
         * Unless a local key could give it one. */
        int r = known_names(known, now_usec, waiter, &names_until_usec);
        if (r < 0 && (caller_has_right(caller) || known->settings->names_beyond) && !last_time) {
                caller->generation = 0;
                *ret_wait_until_usec = names_until_usec;
                return false;
        }
        if (r < 0) {
                waiter_cancel(waiter);
        }
        caller->until_usec = r < 0 ? now_usec : MIN_OF(names_until_usec, groups_until_usec);
        return true;
}

void caller_doubt(struct caller *caller, struct known *known, uint64_t now_usec)
{
        if (caller->peer.known && caller->peer.tcp) {
                uint64_t until_usec = known_groups_doubt(&known->groups, caller->peer.uid, now_usec);
                caller->until_usec = MIN_OF(caller->until_usec, until_usec);
        }
}

const char *caller_unit_obstacle(const struct caller *caller)
{
        return peer_unit_obstacle(caller->unit_error);
}

bool caller_has_right(const struct caller *caller)
{
        return caller->may_use || caller->may_operate || caller->may_reload;
}

/* A connection's caller. */
#include "daemon/frontend/callers/caller.h"

#include "daemon/frontend/callers/access.h"
#include "lib/util.h"

/* How long a slow user database is waited for. */
#define GROUPS_WAIT_USEC (5 * USEC_PER_SEC)

/* Adds the groups of a TCP caller where the rules ask for them. False: they are being looked up. */
static bool complete_groups(struct caller *caller, struct known *known, uint64_t now_usec,
                            struct waiter *waiter, uint64_t *ret_until_usec)
{
        struct peer *peer = &caller->peer;
        const gid_t *groups;
        size_t n;

        *ret_until_usec = USEC_NEVER;
        if (!peer->known || !peer->tcp || !access_needs_groups(known->settings, peer)) {
                caller->groups_until_usec = 0;
                return true;
        }
        if (known_groups_find(&known->groups, peer->uid, now_usec, waiter, &groups, &n, ret_until_usec) <
            0) {
                if (caller->groups_until_usec == 0) {
                        caller->groups_until_usec = now_usec + GROUPS_WAIT_USEC;
                }
                *ret_until_usec = caller->groups_until_usec;
                if (now_usec < caller->groups_until_usec) {
                        return false;
                }
                /* The user database is silent: judged without groups. */
                waiter_cancel(waiter);
                peer_clear(peer);
                *ret_until_usec = now_usec + KNOWN_GROUPS_KEPT_USEC;
        } else if (peer_set_groups(peer, groups, n) < 0) {
                peer_clear(peer); /* without memory there are none, which is safe */
        }
        caller->groups_until_usec = 0;
        return true;
}

/* The rights by what is known now. */
static void take_rights(struct caller *caller, struct known *known, uint64_t until_usec)
{
        struct access_rights rights = access_judge(known->settings, &caller->peer);

        caller->may_use = rights.use;
        caller->may_operate = rights.operate;
        caller->may_reload = rights.reload;
        caller->generation = known->generation;
        caller->until_usec = until_usec;
}

bool caller_judge(struct caller *caller, struct known *known, uint64_t now_usec, bool last_time,
                  struct waiter *waiter, uint64_t *ret_wait_until_usec)
{
        uint64_t names_until_usec = USEC_NEVER, groups_until_usec;

        if (caller->generation == known->generation && now_usec < caller->until_usec) {
                return true;
        }
        if (!complete_groups(caller, known, now_usec, waiter, &groups_until_usec)) {
                *ret_wait_until_usec = groups_until_usec;
                if (!last_time) {
                        return false;
                }
                groups_until_usec = now_usec;
        }
        take_rights(caller, known, groups_until_usec);
        if (!access_needs_names(known->settings, &caller->peer)) {
                return true;
        }
        /* A caller without a right is not made to wait for the names: it may not keep a place so long. */
        int r = known_names(known, now_usec, waiter, &names_until_usec);
        if (r < 0 && caller_has_right(caller) && !last_time) {
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

bool caller_has_right(const struct caller *caller)
{
        return caller->may_use || caller->may_operate || caller->may_reload;
}

/* The groups of a caller on a unix socket, by the kernel, as they were when it connected (SO_PEERGROUPS).
 *
 * A user who makes a user namespace may have 65,536, which takes milliseconds to read: so they are asked for
 * only where a rule needs them, only those that rules name are told, and long lists are spaced out. */
#pragma once

#include "daemon/frontend/callers/peer.h"
#include "lib/rule_groups.h"
#include "lib/spaced_turns.h"

#define PEER_GROUPS_FEW 1024  /* read whenever it is asked; no Windows domain has more for a user */
#define PEER_GROUPS_MAX 65536 /* NGROUPS_MAX */

/* 0: *ret are those that the rules name, but the primary one, which is peer->gid. -EAGAIN: there are many,
 * and it is somebody else's turn; to be asked again at *ret_turn_usec. Else negative errno: the kernel does
 * not tell, or there is no memory. */
int peer_groups_find(const struct peer *peer, const struct rule_groups *named, struct spaced_turns *turns,
                     uint64_t now_usec, struct rule_group_list *ret, uint64_t *ret_turn_usec);

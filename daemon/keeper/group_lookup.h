/* The groups of a user, from the user database: looked up off the loop, remembered for a minute.
 *
 * The kernel tells the groups of a caller on a unix socket, but only the uid of one on TCP. The user
 * database may be behind a network (LDAP, sssd) and may block, hence a short-lived thread per look-up. */
#pragma once

#include "daemon/base/waiters.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#define USER_GROUPS_KEPT_USEC    UINT64_C(60000000)
#define USER_GROUPS_DOUBTED_USEC UINT64_C(5000000)

struct user_groups;

int user_groups_new(struct user_groups **ret, sd_event *event);
/* Look-ups under way are left to end by themselves. NULL is fine; returns NULL. */
struct user_groups *user_groups_free(struct user_groups *groups);

/* The groups of this user, primary one included (none if the user database does not know him): 0, the list
 * stays ours until the next turn of the loop, and is to be believed until ret_until_usec. -EAGAIN: a look-up
 * was started or is under way; user_groups_wait() for it. */
int user_groups_find(struct user_groups *groups, uid_t uid, uint64_t now_usec, const gid_t **ret,
                     size_t *ret_n, uint64_t *ret_until_usec);

/* What was found of this user did not suffice: it is believed for seconds only, as somebody who is refused
 * is made a member next, and tries again. Returns until when; UINT64_MAX: nothing was found. */
uint64_t user_groups_doubt(struct user_groups *groups, uid_t uid);

/* Tells the waiter when a look-up has ended. */
void user_groups_wait(struct user_groups *groups, struct waiter *waiter);

/* The groups of users, from the user database, looked up off the loop.
 *
 * The kernel tells the groups of a caller on a unix socket, but only the uid of one on TCP. The user
 * database may be behind a network (LDAP, sssd) and may block, hence a short-lived thread per look-up. Those
 * that fail are logged, within a budget. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

struct group_lookup;

/* A look-up has ended: the user's groups, the primary one included; n is 0 if the user database does not
 * know the user, or, with told false, did not tell. Theirs for the call only. */
typedef void (*group_lookup_done_fn)(uid_t uid, const gid_t *groups, size_t n, bool told, void *userdata);

/* Negative errno. */
int group_lookup_new(struct group_lookup **ret, sd_event *event, group_lookup_done_fn done, void *userdata);
/* Look-ups under way are left to end by themselves. NULL is fine; returns NULL. */
struct group_lookup *group_lookup_free(struct group_lookup *groups);

/* Begins one, unless it is under way; where as many are as there may be, when one of them has ended. Of more
 * than GROUP_QUESTIONS_MAX that wait for that, nothing is told. */
void group_lookup_begin(struct group_lookup *groups, uid_t uid, uint64_t now_usec);

/* A look-up that is under way may have been made before a change that an administrator wants to see: it is
 * looked up once more before it is told. */
void group_lookup_renew(struct group_lookup *groups);

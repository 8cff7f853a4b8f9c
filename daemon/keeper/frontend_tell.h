/* The frontend's news, as messages: see lib/message.h. While there is none, nothing is sent. */
#pragma once

#include "daemon/base/sides.h"
#include "daemon/keeper/child_process.h"
#include "daemon/keeper/opaque_keys.h"
#include "lib/session.h"

/* These hold from now on; the environments that follow are in their order. end_unix: connections on unix
 * sockets end, as the right by which they came in is another one's. */
void frontend_tell_settings(struct child_process *process, const struct access_settings *settings,
                            bool end_unix);

/* Something has changed about an environment of the settings in force. session: in hand; NULL: none. */
void frontend_tell_environment(struct child_process *process, const struct environment_view *view,
                               const struct session *session);

/* The secret of an environment's opaque tokens from now on. */
void frontend_tell_opaque_keys(struct child_process *process, const char *environment,
                               const struct opaque_keys *keys);

/* The key files were read. */
void frontend_tell_keys(struct child_process *process, const struct keys_view *keys);

/* The outcome of a question. */
void frontend_tell_outcome(struct child_process *process, const struct keeper_outcome *outcome);

/* Those of the groups of a user, the primary one included, that rules name; n is 0 if there is none, if the
 * user database does not know the user, or, with with told false, did not tell. */
void frontend_tell_groups(struct child_process *process, uid_t uid, const gid_t *groups, size_t n,
                          bool told);

/* The names in the rules were looked up: they are good until then, and best looked up again from again_usec
 * on. USEC_NEVER: there are none. */
void frontend_tell_names(struct child_process *process, uint64_t again_usec, uint64_t until_usec);

/* The unit that has this control group; "": none that a rule names. */
void frontend_tell_unit(struct child_process *process, uint64_t cgroup, const char *unit);

/* Accept there from now on. The descriptor stays the caller's. */
void frontend_tell_listener(struct child_process *process, const struct message_listener *listener, int fd);
/* Let in what waits there, and close it. */
void frontend_tell_listener_gone(struct child_process *process, uint32_t id);

/* So many records of the log could not be written so far. */
void frontend_tell_log(struct child_process *process, uint64_t n_dropped);

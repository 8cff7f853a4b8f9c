/* A session as a message. Secret: the message is to lie in secret memory, or to be wiped. */
#pragma once

#include "lib/message.h"
#include "lib/session.h"

/* Of the environment of this name. */
void message_session_fill(struct message_session *ret, const struct session *session,
                          const char *environment);

/* The other way round, of a message that was checked: with one reference, the caller's. -ENOMEM. */
int message_session_read(struct session **ret, const struct message_session *message);

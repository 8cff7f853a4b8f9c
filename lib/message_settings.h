/* The settings about callers, as messages: MESSAGE_SETTINGS, then a MESSAGE_RULES for each list
 * that is not empty, then MESSAGE_SETTINGS_END. Rules stay as they are, with the numbers of their names. */
#pragma once

#include "lib/message.h"

/* end_unix: see struct message_settings. */
void message_settings_fill(struct message_settings *ret, const struct access_settings *settings,
                           bool end_unix);

/* The next list that is not empty; *place begins at 0. False: there are no more, *ret is untouched. */
bool message_rules_next(struct message_rules *ret, const struct access_settings *settings, size_t *place);

/* The other way round, of messages that were checked. begin: all but the lists, which are empty; the
 * caller's for access_settings_free(). -ENOMEM. take: one list. -EBADMSG: there is no such environment, or
 * this list is there already. -ENOMEM. */
int message_settings_begin(struct access_settings **ret, const struct message_settings *message);
int message_settings_take(struct access_settings *settings, const struct message_rules *message);

/* Local keys, and what the gateway does for each environment, as messages: they stand between MESSAGE_RULES
 * and MESSAGE_SETTINGS_END. First each environment, then each local key, with what belongs to it one by one.
 */
#pragma once

#include "lib/message.h"

union message_local {
        uint32_t type;
        struct message_gateway gateway;
        struct message_local_key key;
        struct message_local_caller caller;
        struct message_gateway_rule rule;
};

/* Zeroed: at the beginning. */
struct message_local_place {
        bool keys;   /* the environments have been told */
        size_t i;    /* of which environment or key */
        size_t part; /* 0: itself; then what belongs to it */
};

/* The next one. Returns its size; 0: there are no more, *ret is untouched. */
size_t message_local_next(union message_local *ret, const struct access_settings *settings,
                          struct message_local_place *place);

/* The other way round, of messages that were checked, into settings that message_settings_begin() made.
 * After the last one access_settings_settle() is to be called. -EBADMSG: there is no such environment, or no
 * key that it could belong to. -E2BIG: of more than a list may have. -ENOMEM. */
int message_local_take(struct access_settings *settings, const void *message);

/* A session as a message, and back. */
#include "lib/message_session.h"

#include "lib/secret.h"
#include "lib/util.h"

#include <assert.h>
#include <errno.h>

static_assert(MESSAGE_TOKEN_MAX == SESSION_TOKEN_MAX, "any token that is granted can be sent");

void message_session_fill(struct message_session *ret, const struct session *session,
                          const char *environment)
{
        memset(ret, 0, sizeof(*ret));
        ret->type = MESSAGE_SESSION;
        ret->lifetime_sec = session->lifetime_sec;
        ret->serial = session->serial;
        ret->sent_usec = session->sent_usec;
        ret->expires_usec = session->expires_usec;
        message_set_text(ret->environment, sizeof(ret->environment), environment);
        message_set_text(ret->key_label, sizeof(ret->key_label), session->key_label);
        message_set_text(ret->mage_id, sizeof(ret->mage_id), session->mage_id);
        message_set_text(ret->ust, sizeof(ret->ust), session->ust);
}

int message_session_read(struct session **ret, const struct message_session *message)
{
        _cleanup_secret_ struct grant *grant = secret_alloc(sizeof(*grant));

        if (!grant) {
                return -ENOMEM;
        }
        grant->lifetime_sec = message->lifetime_sec;
        memcpy(grant->mage_id, message->mage_id, sizeof(grant->mage_id));
        memcpy(grant->ust, message->ust, sizeof(grant->ust));
        return session_new(ret, grant, message->serial, message->sent_usec, message->key_label);
}

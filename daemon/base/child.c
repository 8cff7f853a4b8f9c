/* The start of the keeper's children, and their log. */
#include "daemon/base/child.h"

#include "lib/message.h"
#include "lib/util.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <syslog.h>

static_assert(MESSAGE_PRIORITY_MIN == LOG_ERR && MESSAGE_PRIORITY_MAX == LOG_DEBUG, "levels are syslog's");

bool child_has_keeper(const char *option)
{
        int type = 0;
        socklen_t length = sizeof(type);

        if (getsockopt(CHILD_CHANNEL_FD, SOL_SOCKET, SO_TYPE, &type, &length) == 0 &&
            type == SOCK_SEQPACKET) {
                return true;
        }
        (void)fprintf(stderr, "eqp-brokerd: %s is how eqp-brokerd starts a part of itself\n", option);
        return false;
}

/* The keeper may have ended before this was asked for: then its end of the pair is closed. */
void child_begin_life(const char *name)
{
        (void)prctl(PR_SET_NAME, name);
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
}

bool child_pass_record(const struct journal_record *record, const char *text, void *userdata)
{
        struct message_record sent;

        memset(&sent, 0, sizeof(sent));
        sent.type = MESSAGE_RECORD;
        sent.priority = record->priority;
        message_set_text(sent.id, sizeof(sent.id), record->id);
        message_set_text(sent.environment, sizeof(sent.environment), record->environment);
        message_set_text(sent.key, sizeof(sent.key), record->key);
        message_set_text(sent.client, sizeof(sent.client), record->client);
        message_set_text(sent.uid, sizeof(sent.uid), record->uid);
        message_set_text(sent.unit, sizeof(sent.unit), record->unit);
        message_set_text(sent.text, sizeof(sent.text), text);
        return channel_send(userdata, &sent, sizeof(sent), -1) >= 0;
}

/* The frontend's news, as messages. Each is zeroed before it is filled: the bytes that lay there before are
 * not for the frontend. */
#include "daemon/keeper/frontend_tell.h"

#include "lib/message_local.h"
#include "lib/message_session.h"
#include "lib/message_settings.h"
#include "lib/secret.h"
#include "lib/util.h"

#include <errno.h>
#include <stdio.h>

/* ---- settings ---- */

/* How much there is to tell of local keys, of which there may be any number. */
static size_t size_of_local(const struct access_settings *settings)
{
        struct message_local_place place = { 0 };
        union message_local message;
        size_t size, total = 0;

        while ((size = message_local_next(&message, settings, &place)) > 0) {
                total += size;
        }
        return total;
}

static void tell_local(struct child_process *process, const struct access_settings *settings)
{
        struct message_local_place place = { 0 };
        union message_local message;
        size_t size;

        child_process_expect(process, size_of_local(settings));
        while ((size = message_local_next(&message, settings, &place)) > 0) {
                child_process_send(process, &message, size, -1);
        }
}

void frontend_tell_settings(struct child_process *process, const struct access_settings *settings,
                            bool end_unix)
{
        const struct message_plain end = { .type = MESSAGE_SETTINGS_END };
        struct message_settings message;
        struct message_rules rules;
        size_t place = 0;

        message_settings_fill(&message, settings, end_unix);
        child_process_send(process, &message, sizeof(message), -1);
        while (message_rules_next(&rules, settings, &place)) {
                child_process_send(process, &rules, sizeof(rules), -1);
        }
        tell_local(process, settings);
        child_process_send(process, &end, sizeof(end), -1);
}

/* ---- environments ---- */

static void tell_session(struct child_process *process, const char *environment,
                         const struct session *session)
{
        _cleanup_secret_ struct message_session *message = secret_alloc(sizeof(*message));

        if (!message) {
                child_process_replace(process, -ENOMEM);
                return;
        }
        message_session_fill(message, session, environment);
        child_process_send(process, message, sizeof(*message), -1);
}

void frontend_tell_environment(struct child_process *process, const struct environment_view *view,
                               const struct session *session)
{
        struct message_environment message, told;

        if (session) {
                tell_session(process, view->name, session);
        }
        message.type = MESSAGE_ENVIRONMENT;
        message.session_serial = session ? session->serial : 0;
        message.view = *view;
        message_copy(&told, &message, MESSAGE_ENVIRONMENT);
        child_process_send(process, &told, sizeof(told), -1);
}

void frontend_tell_opaque_keys(struct child_process *process, const char *environment,
                               const struct opaque_keys *keys)
{
        _cleanup_secret_ struct message_opaque_keys *message = secret_alloc(sizeof(*message));

        if (!message) {
                child_process_replace(process, -ENOMEM);
                return;
        }
        message->type = MESSAGE_OPAQUE_KEYS;
        message->n = (uint32_t)keys->n;
        message_set_text(message->environment, sizeof(message->environment), environment);
        memcpy(message->keys, keys->keys, keys->n * sizeof(keys->keys[0]));
        child_process_send(process, message, sizeof(*message), -1);
}

/* ---- the rest ---- */

void frontend_tell_keys(struct child_process *process, const struct keys_view *keys)
{
        size_t size = message_keys_size(keys);
        _cleanup_free_ struct message_keys *message = calloc(1, size);

        if (!message) {
                child_process_replace(process, -ENOMEM);
                return;
        }
        message_keys_fill(message, keys);
        child_process_send(process, message, size, -1);
}

void frontend_tell_outcome(struct child_process *process, const struct keeper_outcome *outcome)
{
        struct message_outcome message;

        memset(&message, 0, sizeof(message));
        message.type = MESSAGE_OUTCOME;
        message.number = outcome->number;
        message.verdict = outcome->verdict;
        message.obstacle = outcome->obstacle;
        message.stopping = outcome->stopping;
        (void)snprintf(message.message, sizeof(message.message), "%s", outcome->message);
        child_process_send(process, &message, sizeof(message), -1);
}

void frontend_tell_groups(struct child_process *process, uid_t uid, const gid_t *groups, size_t n, bool told)
{
        struct message_groups_told message;

        memset(&message, 0, sizeof(message));
        message.type = MESSAGE_GROUPS_TOLD;
        message.uid = uid;
        message.told = told;
        message.n = (uint32_t)MIN_OF(n, ARRAY_SIZE(message.groups));
        if (n > 0) {
                memcpy(message.groups, groups, message.n * sizeof(message.groups[0]));
        }
        child_process_send(process, &message, sizeof(message), -1);
}

void frontend_tell_names(struct child_process *process, uint64_t again_usec, uint64_t until_usec)
{
        struct message_names_told message;

        memset(&message, 0, sizeof(message));
        message.type = MESSAGE_NAMES_TOLD;
        message.again_usec = again_usec;
        message.until_usec = until_usec;
        child_process_send(process, &message, sizeof(message), -1);
}

void frontend_tell_unit(struct child_process *process, uint64_t cgroup, const char *unit)
{
        struct message_unit_told message;

        memset(&message, 0, sizeof(message));
        message.type = MESSAGE_UNIT_TOLD;
        message.cgroup = cgroup;
        message_set_text(message.unit, sizeof(message.unit), unit);
        child_process_send(process, &message, sizeof(message), -1);
}

void frontend_tell_listener(struct child_process *process, const struct message_listener *listener, int fd)
{
        struct message_listener message = *listener, told;

        message.type = MESSAGE_LISTENER;
        message_copy(&told, &message, MESSAGE_LISTENER);
        child_process_send(process, &told, sizeof(told), fd);
}

void frontend_tell_listener_gone(struct child_process *process, uint32_t id)
{
        const struct message_listener_gone message = { .type = MESSAGE_LISTENER_GONE, .id = id };

        child_process_send(process, &message, sizeof(message), -1);
}

void frontend_tell_log(struct child_process *process, uint64_t n_dropped)
{
        struct message_log message;

        memset(&message, 0, sizeof(message));
        message.type = MESSAGE_LOG;
        message.n_dropped = n_dropped;
        child_process_send(process, &message, sizeof(message), -1);
}

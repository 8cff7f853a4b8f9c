/* The keeper's news for the frontend, taken in message by message. */
#include "daemon/base/clock.h"
#include "daemon/base/exit_code.h"
#include "daemon/base/journal.h"
#include "daemon/frontend/frontend_objects.h"
#include "lib/message_local.h"
#include "lib/message_session.h"
#include "lib/message_settings.h"
#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

/* How long transfers may go on at the end. */
#define GATEWAY_DRAIN_USEC (30 * USEC_PER_SEC)

/* News that it cannot take in are sent to the next frontend. This one must not go on with less: with rules
 * that are no more in force, say. */
static void give_up(struct frontend *frontend, const char *what, int r)
{
        journal_say(&(struct journal_record){ .priority = LOG_ERR }, "%s: %s", what, strerror(-r));
        (void)sd_event_exit(frontend->event, BROKER_EXIT_INTERNAL);
}

/* ---- the beginning ---- */

static void take_hello(struct frontend *frontend, const struct message_hello *hello)
{
        journal_set_max_priority(hello->log_max_priority); /* until now nothing is logged */
        if (!streq(hello->version, EQP_BROKER_VERSION)) {
                journal_say(&(struct journal_record){ .priority = LOG_ERR },
                            "the keeper is of version %s, the frontend of " EQP_BROKER_VERSION,
                            hello->version);
                (void)sd_event_exit(frontend->event, BROKER_EXIT_INTERNAL);
        }
        frontend->known.questions.last_number = hello->first_number;
        frontend->api.started_usec = hello->started_usec;
        frontend->api.service_pid = hello->service_pid;
        frontend->api.keeper_confinement = hello->keeper;
}

/* ---- settings ---- */

static void begin_settings(struct frontend *frontend, const struct message_settings *message)
{
        frontend->coming = access_settings_free(frontend->coming);
        frontend->coming_end_unix = message->end_unix;
        int r = message_settings_begin(&frontend->coming, message);
        if (r < 0) {
                give_up(frontend, "the frontend cannot take in the rules", r);
        }
}

static void take_rules(struct frontend *frontend, const struct message_rules *message)
{
        int r = frontend->coming ? message_settings_take(frontend->coming, message) : 0;

        if (r < 0) {
                frontend->coming = access_settings_free(frontend->coming);
                give_up(frontend, "the frontend cannot take in the rules", r);
        }
}

static void take_local(struct frontend *frontend, const void *message)
{
        int r = frontend->coming ? message_local_take(frontend->coming, message) : 0;

        if (r < 0) {
                frontend->coming = access_settings_free(frontend->coming);
                give_up(frontend, "the frontend cannot take in the local keys", r);
        }
}

static void end_settings(struct frontend *frontend)
{
        int r = frontend->coming ? access_settings_settle(frontend->coming) : 0;

        if (r < 0) {
                frontend->coming = access_settings_free(frontend->coming);
                give_up(frontend, "the frontend cannot take in the local keys", r);
        }
        if (!frontend->coming) {
                return;
        }
        const struct http_limits limits = admission_limits(frontend->coming);

        http_server_forget_environments(frontend->server);
        credential_source_look_again(frontend->credentials);
        api_forget_answers(&frontend->api);
        known_take_settings(&frontend->known, take_ptr(frontend->coming));
        gateway_take_settings(frontend->gateway);
        http_server_set_limits(frontend->server, &limits);
        if (frontend->coming_end_unix) {
                http_server_end_unix(frontend->server);
        }
}

/* ---- environments ---- */

static void take_session(struct frontend *frontend, const struct message_session *message)
{
        frontend->coming_session = session_unref(frontend->coming_session);
        int r = message_session_read(&frontend->coming_session, message);
        if (r < 0) {
                give_up(frontend, "the frontend cannot take in a token", r);
                return;
        }
        memcpy(frontend->coming_session_environment, message->environment, sizeof(message->environment));
}

/* The session in hand: the object that is there already, if it is the same one, as answers are made from it.
 */
static struct session *choose_session(struct frontend *frontend, const struct message_environment *message)
{
        struct session *coming = frontend->coming_session;
        int at = known_find(&frontend->known, message->view.name);
        struct session *there = at < 0 ? NULL : frontend->known.environments[at]->session;

        if (message->session_serial == 0) {
                return NULL;
        }
        if (!coming || coming->serial != message->session_serial ||
            !streq(frontend->coming_session_environment, message->view.name)) {
                return there && there->serial == message->session_serial ? there : NULL;
        }
        if (there && there->serial == coming->serial && there->expires_usec == coming->expires_usec &&
            session_has_token(there, coming->ust, strlen(coming->ust))) {
                return there;
        }
        return coming;
}

static void take_environment(struct frontend *frontend, const struct message_environment *message)
{
        struct session *session = choose_session(frontend, message);
        int at = known_take_environment(&frontend->known, &message->view, session);

        if (at >= 0) {
                token_answers_keep(&frontend->api.answers[at], session);
        }
        frontend->coming_session = session_unref(frontend->coming_session);
}

static void take_opaque_keys(struct frontend *frontend, const struct message_opaque_keys *message)
{
        if (known_take_opaque_keys(&frontend->known, message->environment, message->keys, message->n) < 0) {
                give_up(frontend, "the frontend cannot take in the secret of opaque tokens", -ENOMEM);
        }
}

/* ---- answers ---- */

static void take_outcome(struct frontend *frontend, const struct message_outcome *message)
{
        struct keeper_outcome outcome = { .number = message->number,
                                          .verdict = message->verdict,
                                          .obstacle = message->obstacle,
                                          .stopping = message->stopping };

        memcpy(outcome.message, message->message, sizeof(outcome.message));
        questions_answer(&frontend->known.questions, &outcome);
}

static void take_groups(struct frontend *frontend, const struct message_groups_told *message)
{
        known_groups_take(&frontend->known.groups, message->uid, message->groups, message->n, message->told,
                          clock_now_usec());
}

static void take_unit(struct frontend *frontend, const struct message_unit_told *message)
{
        known_units_take(&frontend->known.units, message->cgroup, message->unit, clock_now_usec());
}

/* ---- sockets ---- */

static void close_http(struct frontend *frontend, uint32_t id)
{
        frontend->listeners[id] = listener_free(frontend->listeners[id]);
        frontend->api.unheld_ports[id] = false;
        if (frontend->listener_numbers[id] > 0) {
                low_descriptors_give_back(&frontend->low, frontend->listener_numbers[id]);
                frontend->listener_numbers[id] = 0;
        }
}

static int open_http(struct frontend *frontend, const struct message_listener *message, int fd)
{
        frontend->listener_numbers[message->id] = fd;
        frontend->api.unheld_ports[message->id] = message->place.tcp && !message->passed;
        return listener_new(&frontend->listeners[message->id], frontend->event, fd, &message->place,
                            message->passed, message->name, frontend->server, frontend->finder);
}

static int open_credentials(struct frontend *frontend, int fd)
{
        _cleanup_close_ int owned = fd;

        return frontend->credentials ? 0
                                     : credential_source_new(&frontend->credentials, frontend->event,
                                                             &frontend->known, &owned);
}

/* Moves it to where listeners are; returns the number. Its flags are those of earlier frontends as well, and
 * an attacker in one of them may have left it so that accepting waits. */
static int put_in_place(struct frontend *frontend, int fd)
{
        _cleanup_close_ int moved = low_descriptors_move(&frontend->low, fd);

        if (moved < 0) {
                return moved;
        }
        return fcntl(moved, F_SETFL, O_NONBLOCK) < 0 ? -errno : take_fd(moved);
}

static void take_listener(struct frontend *frontend, const struct message_listener *message, int fd)
{
        int r = -EBADF;

        if (message->kind == MESSAGE_LISTENS_HTTP) {
                close_http(frontend, message->id);
        }
        if (fd >= 0) {
                r = fd = put_in_place(frontend, fd);
        }
        if (fd >= 0) {
                switch (message->kind) {
                case MESSAGE_ASKS_FOR_PEERS:
                        frontend->finder = peer_finder_free(frontend->finder);
                        r = peer_finder_new(&frontend->finder, fd);
                        break;
                case MESSAGE_LISTENS_FOR_CREDENTIALS:
                        r = open_credentials(frontend, fd);
                        break;
                default:
                        r = open_http(frontend, message, fd);
                        break;
                }
        }
        if (r < 0) {
                give_up(frontend, "the frontend cannot use a socket", r);
        }
}

static void on_drained(void *userdata)
{
        struct frontend *frontend = userdata;

        if (--frontend->n_draining == 0) {
                (void)sd_event_exit(frontend->event, 0);
        }
}

static void drain_http(void *userdata)
{
        struct frontend *frontend = userdata;

        for (size_t i = 0; i < ARRAY_SIZE(frontend->listeners); i++) {
                if (frontend->listeners[i]) {
                        listener_stop(frontend->listeners[i]);
                }
        }
        if (http_server_drain(frontend->server, on_drained, frontend) < 0) {
                (void)sd_event_exit(frontend->event, 0);
        }
        credential_source_drain(frontend->credentials, on_drained, frontend);
}

/* Requests that are being passed on go first, and all is served meanwhile. */
static void drain(struct frontend *frontend)
{
        if (frontend->n_draining == 0) {
                frontend->n_draining = 2;
                gateway_drain(frontend->gateway, GATEWAY_DRAIN_USEC, drain_http, frontend);
        }
}

/* ---- all of it ---- */

static void take_message(struct frontend *frontend, int type, const void *message, int fd)
{
        switch (type) {
        case MESSAGE_HELLO:
                take_hello(frontend, message);
                break;
        case MESSAGE_SETTINGS:
                begin_settings(frontend, message);
                break;
        case MESSAGE_RULES:
                take_rules(frontend, message);
                break;
        case MESSAGE_GATEWAY:
        case MESSAGE_LOCAL_KEY:
        case MESSAGE_LOCAL_CALLER:
        case MESSAGE_GATEWAY_RULE:
                take_local(frontend, message);
                break;
        case MESSAGE_SETTINGS_END:
                end_settings(frontend);
                break;
        case MESSAGE_SESSION:
                take_session(frontend, message);
                break;
        case MESSAGE_ENVIRONMENT:
                take_environment(frontend, message);
                break;
        case MESSAGE_OPAQUE_KEYS:
                take_opaque_keys(frontend, message);
                break;
        case MESSAGE_KEYS:
                known_take_keys(&frontend->known, &((const struct message_keys *)message)->view);
                break;
        case MESSAGE_OUTCOME:
                take_outcome(frontend, message);
                break;
        case MESSAGE_GROUPS_TOLD:
                take_groups(frontend, message);
                break;
        case MESSAGE_NAMES_TOLD:
                known_take_names(&frontend->known, ((const struct message_names_told *)message)->again_usec,
                                 ((const struct message_names_told *)message)->until_usec);
                break;
        case MESSAGE_UNIT_TOLD:
                take_unit(frontend, message);
                break;
        case MESSAGE_LISTENER:
                take_listener(frontend, message, take_fd(fd));
                break;
        case MESSAGE_LISTENER_GONE:
                close_http(frontend, ((const struct message_listener_gone *)message)->id);
                break;
        case MESSAGE_FORWARDER:
                frontend->api.forwarder = *(const struct message_forwarder *)message;
                break;
        case MESSAGE_LANE:
                gateway_add_lane(frontend->gateway, ((const struct message_lane *)message)->id,
                                 ((const struct message_lane *)message)->serial, take_fd(fd));
                break;
        case MESSAGE_LOG:
                frontend->api.n_log_dropped = ((const struct message_log *)message)->n_dropped;
                break;
        case MESSAGE_PING: {
                struct message_ping pong = *(const struct message_ping *)message;
                pong.type = MESSAGE_PONG;
                (void)channel_send(frontend->keeper.channel, &pong, sizeof(pong), -1);
                break;
        }
        case MESSAGE_DRAIN:
                drain(frontend);
                break;
        default:
                break;
        }
        close_fd(&fd);
}

void told_on_message(const void *bytes, size_t length, int fd, void *userdata)
{
        struct frontend *frontend = userdata;
        int type = message_check_from_keeper(bytes, length);

        frontend->known.heard_usec = clock_now_usec();
        if (type < 0) {
                close_fd(&fd);
                journal_say(&(struct journal_record){ .priority = LOG_ERR },
                            "the keeper sent a message that makes no sense");
                (void)sd_event_exit(frontend->event, BROKER_EXIT_INTERNAL);
                return;
        }
        take_message(frontend, type, bytes, fd);
}

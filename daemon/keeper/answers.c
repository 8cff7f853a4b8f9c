/* The frontend's questions, and their answers, by messages. And what one that has just started is told.
 */
#include "daemon/base/clock.h"
#include "daemon/base/journal.h"
#include "daemon/keeper/child_records.h"
#include "daemon/keeper/frontend_tell.h"
#include "daemon/keeper/keeper_objects.h"
#include "lib/rule_groups.h"
#include "lib/secret.h"
#include "lib/util.h"

#include <errno.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- about a token ---- */

static void on_demand(struct keeper *keeper, const struct message_question *asked)
{
        struct environment *environment = environments_find(&keeper->environments, asked->environment);
        struct keeper_outcome outcome = { .number = asked->number, .verdict = REFRESH_NO_KEY };

        if (environment) {
                outcome.verdict = environment_demand(environment, asked->min_ttl_sec, clock_now_usec(),
                                                     &outcome.obstacle);
        }
        frontend_tell_outcome(keeper->frontend, &outcome);
}

static void on_report(struct keeper *keeper, const struct message_report *asked)
{
        struct environment *environment = environments_find(&keeper->environments, asked->environment);
        struct keeper_outcome outcome = { .number = asked->number, .verdict = REFRESH_NO_KEY };

        if (environment) {
                outcome.verdict = environment_report(environment, asked->ust, asked->length,
                                                     clock_now_usec(), &outcome.obstacle);
        }
        frontend_tell_outcome(keeper->frontend, &outcome);
}

static void on_refresh(struct keeper *keeper, const struct message_question *asked)
{
        struct environment *environment = environments_find(&keeper->environments, asked->environment);
        struct keeper_outcome outcome = { .number = asked->number, .verdict = REFRESH_NO_KEY };

        if (environment) {
                outcome.verdict = environment_operator_refresh(environment, asked->new_account,
                                                               clock_now_usec(), &outcome.obstacle);
        }
        frontend_tell_outcome(keeper->frontend, &outcome);
}

static void on_alive(struct keeper *keeper, const struct message_question *asked)
{
        const struct keeper_outcome outcome = { .number = asked->number };

        frontend_tell_outcome(keeper->frontend, &outcome);
}

static void on_reload(struct keeper *keeper, const struct message_question *asked)
{
        if (asked->number != 0) { /* no frontend that is well has a question without one */
                reload_ask(&keeper->reload, asked->number);
        }
}

void answers_on_reloaded(uint64_t number, bool stopping, const char *why, void *userdata)
{
        struct keeper *keeper = userdata;
        struct keeper_outcome outcome = { .number = number, .stopping = stopping };

        (void)snprintf(outcome.message, sizeof(outcome.message), "%s", why);
        frontend_tell_outcome(keeper->frontend, &outcome);
}

/* ---- about users and groups ---- */

void answers_on_groups(uid_t uid, const gid_t *groups, size_t n, bool told, void *userdata)
{
        struct keeper *keeper = userdata;
        struct rule_groups named;
        struct rule_group_list list;

        rule_groups_of_access(&named, keeper->access);
        rule_groups_match(&named, groups, n, &list);
        frontend_tell_groups(keeper->frontend, uid, list.ids, list.n, told);
}

/* A name in the rules has gone, or has another number. */
static bool tell_rules(struct keeper *keeper)
{
        struct access_settings *access = NULL;

        /* Even without memory for the rest: a caller with the socket's mode and group has them by a name. */
        listen_sockets_give(&keeper->listening, keeper->settings);
        if (access_settings_new(&access, keeper->settings, geteuid()) < 0) {
                journal_say(&(struct journal_record){ .priority = LOG_ERR },
                            "out of memory: the rules stay as they were");
                return false;
        }
        answers_put_rules(keeper, access);
        return true;
}

void answers_put_rules(struct keeper *keeper, struct access_settings *access)
{
        (void)access_settings_free(keeper->access);
        keeper->access = access;
        frontend_tell_settings(keeper->frontend, access, keeper->listening.group_moved);
        keeper->listening.group_moved = false;
}

bool answers_on_names(bool changed, uint64_t again_usec, uint64_t until_usec, void *userdata)
{
        struct keeper *keeper = userdata;

        if (changed && !tell_rules(keeper)) {
                return false; /* the rules in force are not to be taken for fresh */
        }
        keeper->names_again_usec = again_usec;
        keeper->names_until_usec = until_usec;
        frontend_tell_names(keeper->frontend, again_usec, until_usec);
        return true;
}

/* ---- about units ---- */

bool answers_names_unit(const char *unit, void *userdata)
{
        const struct keeper *keeper = userdata;
        const struct settings *settings = keeper->settings;

        for (size_t i = 0; i < settings->n_environments; i++) {
                if (access_rules_name_unit(&settings->environments[i].allow, unit)) {
                        return true;
                }
        }
        return access_rules_name_unit(&settings->allow, unit);
}

void answers_on_unit(uint64_t cgroup, const char *unit, void *userdata)
{
        struct keeper *keeper = userdata;

        frontend_tell_unit(keeper->frontend, cgroup, unit);
}

/* ---- local keys ---- */

void answers_tell_opaque(struct keeper *keeper)
{
        for (size_t i = 0; keeper->settings->n_local_keys > 0 && i < keeper->environments.n; i++) {
                const char *name = keeper->environments.list[i]->view.name;
                _cleanup_secret_ struct opaque_keys *keys = NULL;

                int r = opaque_maker_keys(keeper->opaque, keeper->tools.keys, name, &keys);
                if (r < 0) {
                        journal_say(&(struct journal_record){ .priority = LOG_ERR, .environment = name },
                                    "no opaque tokens can be made: %s", strerror(-r));
                        continue;
                }
                frontend_tell_opaque_keys(keeper->frontend, name, keys);
        }
}

/* ---- the log ---- */

void answers_tell_log(struct keeper *keeper)
{
        uint64_t n_dropped = journal_dropped() + keeper->records.n_dropped_ever +
                             forwarding_records_dropped(keeper->forwarding);

        if (n_dropped != keeper->n_dropped_told) {
                keeper->n_dropped_told = n_dropped;
                frontend_tell_log(keeper->frontend, n_dropped);
        }
}

/* ---- all of it ---- */

void answers_on_message(int type, const void *message, void *userdata)
{
        struct keeper *keeper = userdata;

        switch (type) {
        case MESSAGE_DEMAND:
                on_demand(keeper, message);
                break;
        case MESSAGE_REPORT:
                on_report(keeper, message);
                break;
        case MESSAGE_REFRESH:
                on_refresh(keeper, message);
                break;
        case MESSAGE_ALIVE:
                on_alive(keeper, message);
                break;
        case MESSAGE_RELOAD:
                on_reload(keeper, message);
                break;
        case MESSAGE_GROUPS:
                group_lookup_begin(keeper->groups, ((const struct message_groups *)message)->uid,
                                   clock_now_usec());
                break;
        case MESSAGE_NAMES:
                rule_names_look_again(keeper->names, clock_now_usec());
                break;
        case MESSAGE_UNIT:
                unit_lookup_begin(keeper->units, ((const struct message_unit *)message)->cgroup,
                                  clock_now_usec());
                break;
        case MESSAGE_LANE_DEAD:
                forwarding_lane_dead(keeper->forwarding, message);
                break;
        case MESSAGE_LANE_BROKEN:
                forwarding_lane_broken(keeper->forwarding, message);
                break;
        case MESSAGE_CARRYING:
                forwarding_carrying(keeper->forwarding, clock_now_usec());
                break;
        case MESSAGE_RECORD:
                child_records_take(&keeper->records, "frontend", message, clock_now_usec());
                answers_tell_log(keeper);
                break;
        default:
                break;
        }
}

/* ---- one that has just started ---- */

/* By it the frontend asks the kernel who is calling. A socket of its own for each: an answer to another's
 * question must not be in it. A kernel without it leaves the unix sockets. */
static void tell_diagnosis(struct keeper *keeper)
{
        struct message_listener listener;
        _cleanup_close_ int made = -1;

        memset(&listener, 0, sizeof(listener));
        listener.kind = MESSAGE_ASKS_FOR_PEERS;
        if (keeper->passed.diagnosis >= 0) {
                frontend_tell_listener(keeper->frontend, &listener, keeper->passed.diagnosis);
                return;
        }
        made = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
        if (made < 0 && is_shortage(errno)) {
                child_process_replace(keeper->frontend, -errno);
                return;
        }
        if (made < 0) {
                journal_say(
                        &(struct journal_record){ .priority = LOG_ERR },
                        "the kernel offers no socket diagnosis (%s): callers on TCP are refused as unknown",
                        strerror(errno));
                return;
        }
        frontend_tell_listener(keeper->frontend, &listener, made);
}

static void tell_credential_socket(struct keeper *keeper)
{
        struct message_listener listener;

        if (keeper->passed.credential >= 0) {
                memset(&listener, 0, sizeof(listener));
                listener.kind = MESSAGE_LISTENS_FOR_CREDENTIALS;
                listener.passed = true;
                frontend_tell_listener(keeper->frontend, &listener, keeper->passed.credential);
        }
}

/* The listeners come last: nobody is answered before it knows the session. */
void answers_on_start(void *userdata)
{
        struct keeper *keeper = userdata;
        uint64_t now_usec = clock_now_usec();

        frontend_tell_settings(keeper->frontend, keeper->access, /* end_unix= */ false);
        for (size_t i = 0; i < keeper->environments.n; i++) {
                const struct environment *environment = keeper->environments.list[i];
                frontend_tell_environment(keeper->frontend, &environment->view,
                                          environment_session(environment, now_usec));
        }
        answers_tell_opaque(keeper);
        frontend_tell_keys(keeper->frontend, keeper->keys);
        frontend_tell_names(keeper->frontend, keeper->names_again_usec, keeper->names_until_usec);
        frontend_tell_log(keeper->frontend, keeper->n_dropped_told);
        forwarding_on_frontend(keeper->forwarding);
        tell_diagnosis(keeper);
        tell_credential_socket(keeper);
        listen_sockets_show(&keeper->listening);
}

/* Doctor, daemon: which versions there are, where a daemon answers, and, if none does or it refuses us, why.
 */
#include "ctl/complain.h"
#include "ctl/daemon_status.h"
#include "ctl/doctor_parts.h"
#include "ctl/fields.h"
#include "ctl/key_owner.h"
#include "ctl/program.h"
#include "ctl/scope.h"
#include "lib/duration.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTION    "daemon"
#define GROUP      "eqp-broker"
#define GROUPS_MAX 256

/* ---- this user ---- */

enum membership {
        NO_GROUP, /* there is none of that name */
        OUTSIDE,
        FROM_NEXT_LOGIN, /* the user database has it, this process has not */
        INSIDE,
};

static enum membership membership(void)
{
        const struct group *group = getgrnam(GROUP);
        const struct passwd *user = getpwuid(geteuid());
        gid_t groups[GROUPS_MAX];
        int n = getgroups(GROUPS_MAX, groups);

        if (!group) {
                return NO_GROUP;
        }
        if (getegid() == group->gr_gid) {
                return INSIDE;
        }
        for (int i = 0; i < n; i++) {
                if (groups[i] == group->gr_gid) {
                        return INSIDE;
                }
        }
        for (char **member = group->gr_mem; user && *member; member++) {
                if (streq(*member, user->pw_name)) {
                        return FROM_NEXT_LOGIN;
                }
        }
        return OUTSIDE;
}

static void tell_user(struct doctor *doctor)
{
        static const char *const words[] = {
                [NO_GROUP] = "there is no group " GROUP,
                [OUTSIDE] = "not in the group " GROUP,
                [FROM_NEXT_LOGIN] = "in the group " GROUP " from the next login on",
                [INSIDE] = "in the group " GROUP,
        };

        doctor_fact(doctor, SECTION, "asked as", "%s, %s",
                    geteuid() == 0 ? "root" : "another user than root", words[membership()]);
}

static void find_not_allowed(struct doctor *doctor, const struct eqp_broker *broker)
{
        const char *cure =
                "Have an administrator add you: usermod -aG " GROUP " USER, and log in again. Other rules "
                "are made with allow = in eqp-brokerd.conf(5).";

        if (membership() == FROM_NEXT_LOGIN) {
                cure = "You are in the group already: log in again, for it counts from the next login on.";
        } else if (membership() == INSIDE) {
                cure = "You are in the group, but the daemon goes by other rules: see allow = in "
                       "eqp-brokerd.conf(5).";
        } else if (membership() == NO_GROUP) {
                cure = "There is no such group here, as in a container: name the user in the daemon's "
                       "configuration, "
                       "allow = uid:NUMBER.";
        }
        doctor_find(doctor, "not_allowed", eqp_broker_error_message(broker),
                    "The daemon gives tokens to root, to its own user and to members of the group " GROUP
                    ", unless it is configured otherwise.",
                    cure);
}

/* ---- sockets ---- */

/* Is there a socket at the path? */
static bool tell_socket(struct doctor *doctor, const char *path)
{
        char name[OWNER_NAME_MAX], fact[160];
        struct stat status;

        (void)snprintf(fact, sizeof(fact), "socket %s", path);
        if (stat(path, &status) < 0) {
                doctor_fact(doctor, SECTION, fact, "%s", strerror(errno));
                return errno != ENOENT;
        }
        doctor_fact(doctor, SECTION, fact, "%s, mode %04o, of %s",
                    S_ISSOCK(status.st_mode) ? "a socket" : "not a socket", (unsigned)status.st_mode & 07777,
                    owner_role(status.st_uid, name));
        return S_ISSOCK(status.st_mode);
}

static void examine_sockets(struct doctor *doctor)
{
        char what[512];

        if (!doctor->settings) {
                struct places places;

                scope_places(&places);
                (void)tell_socket(doctor, places.socket);
                return;
        }
        for (size_t i = 0; i < doctor->settings->n_listen; i++) {
                const char *path = doctor->settings->listen[i].path;

                if (path[0] != '/' || tell_socket(doctor, path) || !doctor->status) {
                        continue;
                }
                (void)snprintf(what, sizeof(what), "The daemon answers, but its unix socket %s is missing.",
                               path);
                doctor_find(
                        doctor, "socket_missing", what,
                        "Programs that use the socket, eqpctl first of all, cannot or go over TCP instead. "
                        "Something removed it, or its directory was mounted over.",
                        "Restart the listener: systemctl restart eqp-brokerd.socket eqp-brokerd");
        }
}

/* ---- reaching it ---- */

/* The first unix socket that the configuration names, if it names none where eqpctl looks by itself. */
static const char *other_socket(const struct doctor *doctor)
{
        const char *found = NULL;
        struct places places;

        scope_places(&places);
        for (size_t i = 0; doctor->settings && i < doctor->settings->n_listen; i++) {
                const char *path = doctor->settings->listen[i].path;

                if (streq(path, places.socket) || streq(path, &EQP_BROKER_DEFAULT_TCP[strlen("http://")])) {
                        return NULL;
                }
                if (!found && path[0] == '/') {
                        found = path;
                }
        }

        return found;
}

static void find_no_daemon(struct doctor *doctor, const struct eqp_broker *broker)
{
        bool container = access("/run/.containerenv", F_OK) == 0 || access("/.dockerenv", F_OK) == 0 ||
                         getenv("KUBERNETES_SERVICE_HOST");
        const char *other = !doctor->options->address ? other_socket(doctor) : NULL;
        char cure[512];

        if (other) {
                (void)snprintf(cure, sizeof(cure),
                               "It is configured to listen elsewhere than eqpctl looks: set "
                               "EQP_BROKER_ADDRESS=unix:%s, and see: systemctl status eqp-brokerd",
                               other);
        } else {
                const char *usual =
                        "Is it running? systemctl status eqp-brokerd; journalctl -u eqp-brokerd. Where it "
                        "listens elsewhere, name the address in EQP_BROKER_ADDRESS.";
                if (doctor->user) {
                        usual = "Start it: systemctl enable --now eqp-brokerd.socket; if that does not "
                                "help: "
                                "journalctl -u eqp-brokerd";
                } else if (container) {
                        usual = "In a container, the broker is only found if it shares the network name "
                                "space (a "
                                "pod, --network=container:NAME), or its socket's directory is mounted here; "
                                "then "
                                "name it: EQP_BROKER_ADDRESS=unix:/path";
                }
                (void)snprintf(cure, sizeof(cure), "%s", usual);
        }
        doctor_find(doctor, "no_daemon", eqp_broker_error_message(broker),
                    "Nothing listens there, so no program gets a token.", cure);
}

static void find_stranger(struct doctor *doctor, const struct eqp_broker *broker)
{
        doctor_find(doctor, "port_taken", eqp_broker_error_message(broker),
                    "While the broker is down, any local user can listen on its port, hand out tokens of "
                    "another "
                    "account, and be sent yours by programs that do not check the port's owner.",
                    "Find its program: ss -lntp; and why the broker does not run: systemctl status "
                    "eqp-brokerd. If "
                    "it is the broker all the same, name its address in EQP_BROKER_ADDRESS.");
}

static void find_trouble(struct doctor *doctor, const struct eqp_broker *broker, int error)
{
        doctor->refused = error == -EACCES;
        doctor_fact(doctor, SECTION, "answers", "no: %s", eqp_broker_error_message(broker));
        if (streq(eqp_broker_error_slug(broker), "not_trusted")) {
                find_stranger(doctor, broker);
        } else if (error == -ECONNREFUSED) {
                find_no_daemon(doctor, broker);
        } else if (error == -EACCES) {
                find_not_allowed(doctor, broker);
        } else {
                doctor_find(doctor, "no_answer", eqp_broker_error_message(broker),
                            "The server there does not answer as eqp-brokerd does.",
                            "See who listens: ss -lntxp; and: journalctl -u eqp-brokerd");
        }
}

/* The limits that one of its processes has set itself, as far as the kernel let it. */
static void tell_confinement(struct doctor *doctor, const char *process)
{
        struct json_object *all = field_object(doctor->status, "confinement");
        struct json_object *one = all ? field_object(all, process) : NULL;
        int64_t landlock = one ? field_count(one, "landlock") : 0;
        char name[64], version[64] = "no Landlock";

        if (!one) {
                return; /* an older daemon */
        }
        if (landlock > 0) {
                (void)snprintf(version, sizeof(version), "Landlock %" PRId64, landlock);
        }
        (void)snprintf(name, sizeof(name), "%s confined by", process);
        doctor_fact(
                doctor, SECTION, name, "%s, %s, %s",
                field_truth(one, "system_call_filter") ? "a system call filter" : "no system call filter",
                version,
                field_truth(one, "no_new_privileges") ? "no new privileges" : "new privileges are possible");
}

static void ask(struct doctor *doctor)
{
        _cleanup_(broker_freep) struct eqp_broker *broker = NULL;
        const char *variable = getenv(EQP_BROKER_ADDRESS_VARIABLE);
        char uptime[DURATION_TEXT_MAX];
        int64_t uptime_sec = 0;
        int r;

        doctor_fact(doctor, SECTION, "address", "%s",
                    doctor->options->address          ? "given by --address"
                    : variable && variable[0] != '\0' ? "given by " EQP_BROKER_ADDRESS_VARIABLE
                                                      : "the usual ones");
        r = eqp_broker_open(&broker, doctor->options->address, "eqpctl");
        if (r < 0) {
                doctor_find(doctor, "address_bad",
                            "The value of --address or " EQP_BROKER_ADDRESS_VARIABLE " is no address.",
                            "No daemon can be asked.",
                            "Write unix:/absolute/path or http://127.0.0.1:PORT.");
                return;
        }
        r = daemon_status_get(broker, &doctor->status);
        doctor_fact(doctor, SECTION, "asked at", "%s", eqp_broker_address(broker));
        if (r < 0) {
                find_trouble(doctor, broker, r);
                return;
        }

        doctor_fact(doctor, SECTION, "answers", "yes");
        doctor_fact(doctor, SECTION, "ready", "%s", field_truth(doctor->status, "ready") ? "yes" : "no");
        if (field_seconds(doctor->status, "uptime_sec", &uptime_sec)) {
                doctor_fact(doctor, SECTION, "running for", "%s",
                            duration_format((uint64_t)uptime_sec * USEC_PER_SEC, uptime));
        }
        tell_confinement(doctor, "keeper");
        tell_confinement(doctor, "frontend");
        tell_confinement(doctor, "forwarder"); /* if there is one */
        if (streq(field_text(doctor->status, "forwarder"), "held_back")) {
                doctor_find(
                        doctor, "forwarder_ends",
                        "The process that passes requests on keeps ending: it is started anew after pauses.",
                        "Requests to the gateway are answered with 502 or 503; tokens are served.",
                        "Read why it ended: journalctl -u eqp-brokerd "
                        "MESSAGE_ID=51bfd6e10ae24263b423c5b8d6db4d98; then report it.");
        }
}

static void compare_versions(struct doctor *doctor)
{
        static const char *const arguments[] = { "--version", NULL };
        _cleanup_(program_result_clear) struct program_result result = { 0 };
        const char *running = field_text(doctor->status, "version");
        char installed[64] = "", what[256];
        int r = program_run(arguments, /* input= */ NULL, 0, PROGRAM_LIMIT_USEC, &result);

        if (r == 0) {
                (void)sscanf(result.output, "eqp-brokerd %63s", installed);
        }
        doctor_fact(doctor, "versions", "eqp-brokerd installed", "%s",
                    r < 0                  ? program_error(r)
                    : installed[0] != '\0' ? installed
                                           : "not known");
        doctor_fact(doctor, "versions", "eqp-brokerd running", "%s",
                    doctor->refused      ? "not shown to this user"
                    : !doctor->status    ? "none that answers"
                    : running[0] != '\0' ? running
                                         : "not known");
        if (installed[0] == '\0' || running[0] == '\0' || streq(installed, running)) {
                return;
        }
        (void)snprintf(what, sizeof(what), "Version %s is installed, and version %s runs.", installed,
                       running);
        doctor_find(doctor, "version_mismatch", what, "Repairs of the new version are not in force yet.",
                    "systemctl restart eqp-brokerd; no request is lost.");
}

void doctor_examine_daemon(struct doctor *doctor)
{
        tell_user(doctor);
        ask(doctor);
        examine_sockets(doctor);
        compare_versions(doctor);
}

/* The user that the unit runs the daemon as; see the header. */
#include "daemon/unit_user.h"

#include "daemon/base/journal.h"
#include "lib/util.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#define UNIT       "eqp-brokerd.service"
#define MANAGER    "org.freedesktop.systemd1"
#define PRIVATE    "/run/systemd/private" /* for root, also where no bus runs */
#define LIMIT_USEC (10 * USEC_PER_SEC)
#define GROUPS_MAX 256
/* The name from which DynamicUser= takes its user. While the service is down it has none; each has the same
 * rights. */
#define DYNAMIC_UID_MIN 61184
#define DYNAMIC_UID_MAX 65519

struct whom {
        struct unit_user user;
        gid_t gid;
        gid_t groups[GROUPS_MAX];
        int n_groups;
};

/* ---- what systemd says ---- */

struct unit {
        sd_bus *bus;
        char *path;
};

static void unit_close(struct unit *unit)
{
        free(unit->path);
        sd_bus_flush_close_unref(unit->bus);
}

static int open_bus(sd_bus **ret)
{
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;

        int r = sd_bus_new(&bus);
        if (r < 0) {
                return r;
        }
        r = sd_bus_set_address(bus, "unix:path=" PRIVATE);
        if (r < 0) {
                return r;
        }
        r = sd_bus_start(bus);
        if (r < 0) {
                return r;
        }
        r = sd_bus_set_method_call_timeout(bus, LIMIT_USEC);
        if (r < 0) {
                return r;
        }
        *ret = take_ptr(bus);
        return 0;
}

static int load_unit(struct unit *unit)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *path;

        int r = open_bus(&unit->bus);
        if (r < 0) {
                return r;
        }
        r = sd_bus_call_method(unit->bus, MANAGER, "/org/freedesktop/systemd1", MANAGER ".Manager",
                               "LoadUnit", NULL, &reply, "s", UNIT);
        if (r < 0) {
                return r;
        }
        r = sd_bus_message_read(reply, "o", &path);
        if (r < 0) {
                return r;
        }
        unit->path = strdup(path);
        return unit->path ? 0 : -ENOMEM;
}

static int read_text(const struct unit *unit, const char *interface, const char *property, char **ret)
{
        return sd_bus_get_property_string(unit->bus, MANAGER, unit->path, interface, property, NULL, ret);
}

static bool has_entries(const struct unit *unit, const char *property, const char *type)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;

        return sd_bus_get_property(unit->bus, MANAGER, unit->path, MANAGER ".Service", property, NULL,
                                   &reply, type) >= 0 &&
               sd_bus_message_enter_container(reply, 'a', type + 1) > 0 &&
               sd_bus_message_at_end(reply, /* complete= */ false) == 0;
}

static void free_list(char ***list)
{
        for (char **text = *list; text && *text; text++) {
                free(*text);
        }
        free(*list);
}

/* ---- who that is here ---- */

/* A name or a number, as systemd takes both. */
static int find_group(const char *text, gid_t *ret)
{
        char *end = NULL;
        unsigned long number = strtoul(text, &end, 10);

        if (end > text && *end == '\0') {
                *ret = (gid_t)number;
                return 0;
        }
        const struct group *group = getgrnam(text);
        if (!group) {
                return -ESRCH;
        }
        *ret = group->gr_gid;
        return 0;
}

static int find_user(const char *text, struct whom *ret)
{
        char *end = NULL;
        unsigned long number = strtoul(text, &end, 10);
        const struct passwd *user = end > text && *end == '\0' ? getpwuid((uid_t)number) : getpwnam(text);

        if (!user) {
                return -ESRCH;
        }
        (void)snprintf(ret->user.name, sizeof(ret->user.name), "%s", user->pw_name);
        ret->user.uid = user->pw_uid;
        ret->gid = user->pw_gid;
        ret->n_groups = GROUPS_MAX;
        if (getgrouplist(user->pw_name, user->pw_gid, ret->groups, &ret->n_groups) < 0) {
                ret->n_groups = GROUPS_MAX;
        }
        return 0;
}

static void take_dynamic(const struct unit *unit, const char *name, struct whom *ret)
{
        uint32_t uid = 0;

        (void)snprintf(ret->user.name, sizeof(ret->user.name), "%s", name);
        int r = sd_bus_get_property_trivial(unit->bus, MANAGER, unit->path, MANAGER ".Service", "UID", NULL,
                                            'u', &uid);
        /* Of the process that runs, perhaps by another setting of before. */
        bool taken = r >= 0 && uid >= DYNAMIC_UID_MIN && uid <= DYNAMIC_UID_MAX;
        ret->user.uid = taken ? uid : DYNAMIC_UID_MIN;
        ret->gid = ret->user.uid;
}

static int find_more_groups(const struct unit *unit, struct whom *ret)
{
        _cleanup_(free_list) char **names = NULL;
        _cleanup_free_ char *group = NULL;

        int r = read_text(unit, MANAGER ".Service", "Group", &group);
        if (r < 0) {
                return r;
        }
        /* A dynamic user has a group of its name, which need not be there. */
        if (group[0] != '\0' && find_group(group, &ret->gid) < 0 && !streq(group, ret->user.name)) {
                return -ESRCH;
        }
        r = sd_bus_get_property_strv(unit->bus, MANAGER, unit->path, MANAGER ".Service",
                                     "SupplementaryGroups", NULL, &names);
        if (r < 0) {
                return r;
        }
        for (char **name = names; name && *name && ret->n_groups < GROUPS_MAX; name++) {
                r = find_group(*name, &ret->groups[ret->n_groups]);
                if (r < 0) {
                        return r;
                }
                ret->n_groups++;
        }
        return 0;
}

/* 1: found; 0: it is root. */
static int find_whom(const struct unit *unit, struct whom *ret)
{
        _cleanup_free_ char *name = NULL;
        int dynamic = 0;

        int r = read_text(unit, MANAGER ".Service", "User", &name);
        if (r < 0) {
                return r;
        }
        r = sd_bus_get_property_trivial(unit->bus, MANAGER, unit->path, MANAGER ".Service", "DynamicUser",
                                        NULL, 'b', &dynamic);
        if (r < 0 || (name[0] == '\0' && !dynamic)) {
                return r;
        }
        const char *whom = name[0] != '\0' ? name : "eqp-brokerd";
        r = find_user(whom, ret);
        if (r < 0 && dynamic) {
                take_dynamic(unit, whom, ret);
                r = 0;
        }
        if (r < 0 || ret->user.uid == 0) {
                return r;
        }
        r = find_more_groups(unit, ret);
        return r < 0 ? r : 1;
}

static int ask(struct whom *ret)
{
        _cleanup_(unit_close) struct unit unit = { 0 };
        _cleanup_free_ char *state = NULL;

        int r = load_unit(&unit);
        if (r < 0) {
                return r;
        }
        r = read_text(&unit, MANAGER ".Unit", "LoadState", &state);
        if (r < 0 || !streq(state, "loaded")) {
                return r < 0 ? r : 0;
        }
        ret->user.has_credentials = has_entries(&unit, "LoadCredential", "a(ss)") ||
                                    has_entries(&unit, "LoadCredentialEncrypted", "a(ss)");
        return find_whom(&unit, ret);
}

bool unit_user_become(struct unit_user *ret)
{
        struct whom whom = { 0 };

        if (access(PRIVATE, F_OK) < 0) {
                return false;
        }
        int r = ask(&whom);
        if (r > 0 && (setgroups((size_t)whom.n_groups, whom.groups) < 0 ||
                      setresgid(whom.gid, whom.gid, whom.gid) < 0 ||
                      setresuid(whom.user.uid, whom.user.uid, whom.user.uid) < 0)) {
                r = -errno;
        }
        if (r < 0) {
                journal_say(&(struct journal_record){ .priority = LOG_WARNING },
                            "checked as root: whom " UNIT " runs the daemon as is not to be had: %s",
                            strerror(-r));
        }
        *ret = whom.user;
        return r > 0;
}

/* Doctor, configuration: can it be read, and does it mix things up? Portals and old host names are told of
 * by eqp-brokerd itself, which does not take them. */
#include "ctl/configuration.h"
#include "ctl/doctor_parts.h"
#include "ctl/key_owner.h"
#include "ctl/scope.h"
#include "lib/base_url.h"
#include "lib/settings_remark.h"
#include "lib/store_owner.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define SECTION      "configuration"
#define CA_DIRECTORY "/etc/eqp-broker/ca"

/* An environment by this name, or by a name that begins with it and a hyphen. */
static bool is_named(const char *name, const char *kind)
{
        size_t length = strlen(kind);

        return strncmp(name, kind, length) == 0 && (name[length] == '\0' || name[length] == '-');
}

static void find_swapped(struct doctor *doctor, const struct environment_settings *environment)
{
        static const struct {
                const char *kind, *wrong, *right;
        } rows[] = {
                { "production", BASE_URL_SANDBOX, BASE_URL_PRODUCTION },
                { "sandbox", BASE_URL_PRODUCTION, BASE_URL_SANDBOX },
        };
        char what[512], cure[512];

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                if (!is_named(environment->name, rows[i].kind) ||
                    !streq(environment->base_url, rows[i].wrong)) {
                        continue;
                }
                (void)snprintf(what, sizeof(what), "The environment %s has the base URL %s.",
                               environment->name, rows[i].wrong);
                (void)snprintf(cure, sizeof(cure), "In [environment %s], set base_url = %s.",
                               environment->name, rows[i].right);
                doctor_find(doctor, "api_swapped", what,
                            "Keys and tokens of one environment never work in the other, and a request that "
                            "is meant as a "
                            "test would be done for real.",
                            cure);
        }
}

/* Authorities: of an environment, or of a store. */
struct authorities {
        const char *file;
        char of[ENVIRONMENT_NAME_MAX + 16];
        const char *why; /* all is lost without them */
};

/* The daemon of the unit has a root directory of its own. */
static void find_unseen_ca(struct doctor *doctor, const struct authorities *authorities)
{
        char what[512], cure[1024], why[512];

        if (doctor->user || doctor_unit_shows(authorities->file)) {
                return;
        }

        (void)snprintf(what, sizeof(what), "The service does not see the ca_file of %s, %s.",
                       authorities->of, authorities->file);
        (void)snprintf(cure, sizeof(cure),
                       "install -m 0644 %s " CA_DIRECTORY "/, set ca_file to that, and systemctl reload "
                       "eqp-brokerd. Where the file has to stay, name it in a drop-in of the unit: "
                       "BindReadOnlyPaths=%s",
                       authorities->file, authorities->file);
        (void)snprintf(
                why, sizeof(why),
                "Its unit shows it /etc, /usr and little else. Without the file %s (eqpctl key set is "
                "no proof: it runs outside.)",
                authorities->why);
        doctor_find(doctor, "ca_file_unseen", what, why, cure);
}

static void find_unreadable_ca(struct doctor *doctor, const struct authorities *authorities)
{
        char what[512], why[512];

        if (!authorities->file) {
                return;
        }
        if (access(authorities->file, R_OK) == 0) {
                find_unseen_ca(doctor, authorities);
                return;
        }

        (void)snprintf(what, sizeof(what), "The ca_file of %s, %s, cannot be read here: %s.",
                       authorities->of, authorities->file, strerror(errno));
        (void)snprintf(why, sizeof(why), "Without it %s", authorities->why);
        doctor_find(doctor, "ca_file_unreadable", what, why,
                    "Put the file there, readable by everybody (it is no secret), best into " CA_DIRECTORY
                    ", or leave ca_file out to trust the system's authorities.");
}

static void find_unreadable_cas(struct doctor *doctor)
{
        const struct settings *settings = doctor->settings;
        struct authorities authorities = {
                .why = "the certificate of the EQP API cannot be verified, and no "
                       "token is obtained."
        };

        for (size_t i = 0; i < settings->n_environments; i++) {
                authorities.file = settings->environments[i].ca_file;
                (void)snprintf(authorities.of, sizeof(authorities.of), "%s", settings->environments[i].name);
                find_unreadable_ca(doctor, &authorities);
        }
        authorities = (struct authorities){ settings->share.ca_file, "[share]",
                                            "the certificate of a store cannot be verified, and no token is "
                                            "shared." };
        find_unreadable_ca(doctor, &authorities);
}

/* The password of the store goes to the user who made its socket. */
static void find_odd_sockets(struct doctor *doctor)
{
        const struct share_settings *share = &doctor->settings->share;
        char what[512], name[OWNER_NAME_MAX];

        for (size_t i = 0; i < share->n_stores && share->password_file; i++) {
                const struct store_address *store = &share->stores[i];
                struct stat status;

                /* The system's daemon is a system user. */
                if (store->kind != STORE_UNIX || stat(store_address_path(store), &status) < 0 ||
                    store_owner_expected(status.st_uid, doctor->user ? geteuid() : 0)) {
                        continue;
                }
                (void)snprintf(what, sizeof(what), "The socket of the store, %s, belongs to %s.",
                               store_address_path(store), owner_role(status.st_uid, name));
                doctor_find(doctor, "store_socket_owner", what,
                            "It is no system user, such as packages have for a store; and its programs get "
                            "the password of password_file in [share].",
                            "Let a system user of its own run the store, and make the socket in a directory "
                            "where nobody else can.");
        }
}

static void find_remark(struct doctor *doctor, const struct environment_settings *environment)
{
        char remark[SETTINGS_REMARK_MAX], what[SETTINGS_REMARK_MAX + 64];

        if (!settings_remark(environment, remark)) {
                return;
        }
        (void)snprintf(what, sizeof(what), "The settings of %s are unwise: %s.", environment->name, remark);
        doctor_find(
                doctor, "lifetime_too_short", what,
                "The more often tokens are renewed, the less is left of the budget for a day of trouble.",
                "Set lifetime as said, or leave it out, then: systemctl reload eqp-brokerd");
}

/* ---- what the daemon's user may not read ---- */

/* Of [share], and of no environment. */
static bool is_share_file(const struct settings *settings, const char *path)
{
        const char *const files[] = { settings->share.ca_file, settings->share.password_file,
                                      settings->share.share_secret_file };
        bool is = false;

        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
                is = is || (files[i] && streq(files[i], path));
        }
        for (size_t i = 0; i < settings->n_environments; i++) {
                const char *file = settings->environments[i].ca_file;
                is = is && !(file && streq(file, path));
        }
        return is;
}

static void find_closed(struct doctor *doctor, const char *path, const char *cure)
{
        const char *keys = configuration_keys_directory(doctor->settings), *id = "ca_file_closed";
        const char *why = "It cannot verify the certificate of the EQP API, and obtains no token.";
        char what[1024];

        if (streq(path, keys)) {
                id = "keys_directory_closed";
                why = "It finds no key, and without a key there are no tokens.";
        } else if (strncmp(path, keys, strlen(keys)) == 0) {
                id = "key_file_closed";
                why = "It cannot use the key.";
        } else if (is_share_file(doctor->settings, path)) {
                id = "share_file_closed";
                why = "It cannot use the store, and no token is shared.";
        }
        (void)snprintf(what, sizeof(what), "The daemon's user may not read %s.", path);
        doctor_find(doctor, id, what, why, cure);
}

/* lines: as eqp-brokerd --check says them. */
static void find_all_closed(struct doctor *doctor, char *lines)
{
        static const char begin[] = "may not read ";
        char *rest = NULL;

        for (char *line = strtok_r(lines, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
                char *path = strstr(line, begin), *cure = path ? strstr(path, ": ") : NULL;

                if (cure) {
                        *cure = '\0';
                        find_closed(doctor, path + strlen(begin), cure + strlen(": "));
                }
        }
}

/* [SECTION] KEY = RULE: WORDS. The name itself is nobody's business. */
static bool find_absent_name(struct doctor *doctor, const char *line)
{
        static const struct {
                const char *words, *state, *why, *why_deny, *cure;
        } kinds[] = {
                { ": there is no such ", "is not there", "The rule gives nothing until there is one.",
                  "The rule denies nobody until there is one.",
                  "Create it, or correct the name, which eqp-brokerd --check shows; then: eqpctl reload" },
                { ": the user database does not say whether there is such a ",
                  "the user database does not tell of",
                  "Its last answer stands for an hour; without one the rule gives nothing until it answers.",
                  "Its last answer stands for an hour; without one the rule denies everybody until it "
                  "answers.",
                  "Find out with getent why the name services of /etc/nsswitch.conf do not answer; the "
                  "name is shown by: eqp-brokerd --check" },
        };
        const char *rule = strstr(line, " = ");
        char what[256];

        for (size_t i = 0; rule && i < ARRAY_SIZE(kinds); i++) {
                const char *kind = strstr(rule, kinds[i].words);
                if (!kind) {
                        continue;
                }
                kind += strlen(kinds[i].words);
                (void)snprintf(what, sizeof(what), "%.*s names a %.*s that %s.", (int)(rule - line), line,
                               (int)strcspn(kind, " :"), kind, kinds[i].state);
                bool deny = rule - line > 4 && strncmp(rule - 4, "deny", 4) == 0;
                doctor_find(doctor, "rule_name_absent", what, deny ? kinds[i].why_deny : kinds[i].why,
                            kinds[i].cure);
                return true;
        }
        return false;
}

/* Returns whether there are any. */
static bool find_absent_names(struct doctor *doctor, const char *lines)
{
        bool any = false;

        while (*lines != '\0') {
                char line[512];
                size_t length = strcspn(lines, "\n");

                (void)snprintf(line, sizeof(line), "%.*s", (int)length, lines);
                any = find_absent_name(doctor, line) || any;
                lines += length;
                lines += *lines == '\n';
        }
        return any;
}

static int read_settings(struct doctor *doctor, bool *ret_absent,
                         char reterr_message[static PROGRAM_WORDS_MAX])
{
        _cleanup_(configuration_view_clear) struct configuration_view view = { 0 };
        int r;

        r = configuration_read(&doctor->settings, &view, reterr_message);
        if (r < 0) {
                return r;
        }

        doctor_examine_remarks(doctor, view.closed);
        *ret_absent = find_absent_names(doctor, view.closed ? view.closed : "");
        if (view.user[0] != '\0') {
                doctor->as_daemon = true;
                doctor_hide(doctor, view.user, "DAEMON-USER");
                find_all_closed(doctor, view.closed);
        }
        return 0;
}

void doctor_examine_configuration(struct doctor *doctor)
{
        const char *named = getenv("EQP_BROKER_CONFIG");
        char message[PROGRAM_WORDS_MAX];
        struct places places;
        bool absent = false;
        int r;

        scope_places(&places);
        doctor->user = places.user;
        doctor_fact(doctor, SECTION, "broker", "%s",
                    places.user ? "this user's own, without root" : "the system's");

        doctor_fact(doctor, SECTION, "file", "%s",
                    named && named[0] != '\0' ? "named by EQP_BROKER_CONFIG"
                                              : "the usual one, if there is one");
        r = read_settings(doctor, &absent, message);
        if (r == -EPERM && geteuid() != 0) {
                doctor_fact(doctor, SECTION, "check",
                            "not known: this user may not read all of it; see: sudo eqpctl doctor");
                return;
        }
        if (r < 0) {
                doctor_fact(doctor, SECTION, "check", "%s", message);
                if (r == -EINVAL || r == -EPERM) {
                        doctor_find(
                                doctor, "configuration_bad", message,
                                "eqp-brokerd does not start with this configuration, and a reload goes on "
                                "with the one before.",
                                "Fix the error named above, then check with: eqp-brokerd --check");
                }
                return;
        }

        for (size_t i = 0; i < doctor->settings->n_environments; i++) {
                const struct environment_settings *environment = &doctor->settings->environments[i];
                char by[64];

                (void)snprintf(by, sizeof(by), "HOST-OF-%s", environment->name);
                doctor_hide_url(doctor, environment->base_url, by);
                if (environment->account) {
                        (void)snprintf(by, sizeof(by), "ACCOUNT-OF-%s", environment->name);
                        doctor_hide(doctor, environment->account, by);
                }
                find_swapped(doctor, environment);
                find_remark(doctor, environment);
        }
        find_unreadable_cas(doctor);
        find_odd_sockets(doctor);
        doctor_fact(doctor, SECTION, "check", absent ? "names in rules, see the findings" : "fine");
        for (size_t i = 0; i < doctor->settings->n_listen; i++) {
                char name[32];

                (void)snprintf(name, sizeof(name), "listen %zu", i + 1);
                doctor_fact(doctor, SECTION, name, "%s", doctor->settings->listen[i].path);
        }
        doctor_fact(doctor, SECTION, "key permissions", "%s",
                    doctor->settings->key_permissions_relaxed ? "relaxed" : "strict");
}

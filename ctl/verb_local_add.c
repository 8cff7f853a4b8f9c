/* Verb local add: makes a local key: a section in a file of its own, and an ID and a secret that are shown
 * once. Verb local rotate gives one another secret. */
#include "ctl/complain.h"
#include "ctl/configuration.h"
#include "ctl/held_signals.h"
#include "ctl/local_file.h"
#include "ctl/local_handover.h"
#include "ctl/local_listener.h"
#include "ctl/local_reload.h"
#include "ctl/local_secret.h"
#include "ctl/local_section.h"
#include "ctl/scope.h"
#include "ctl/verbs.h"
#include "lib/end_date.h"
#include "lib/secret.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define CALLER_MAX   16          /* "uid:" and a number */
#define NOBODY       65534       /* the kernel's number for users that it cannot name: never allowed */
#define OLD_GOOD_SEC (24 * 3600) /* a token lives no longer */

/* NULL after saying why. */
static struct settings *read_settings(void)
{
        struct settings *settings = NULL;
        char message[PROGRAM_WORDS_MAX];

        if (configuration_read(&settings, NULL, message) < 0) {
                complain("%s", message);
                return NULL;
        }
        return settings;
}

static bool is_name(const char *name)
{
        if (local_key_name_valid(name, strlen(name))) {
                return true;
        }
        complain("'%s' is no name of a local key: it is 1 to 32 of A-Z a-z 0-9 . _ -, and begins with a "
                 "letter, a digit or _.",
                 name);
        return false;
}

/* ---- add ---- */

/* Is what the command line says whole? EXIT_DONE: it is. */
static int check_options(const struct options *options)
{
        if (!is_name(options->local_key)) {
                return EXIT_USAGE;
        }
        if (!options->environment) {
                complain("--environment is missing: a local key is good for one environment.");
                return EXIT_USAGE;
        }
        if (options->n_allows == 0 && !options->real) {
                complain("--allow is missing: without it the key opens nothing. For example: --allow 'GET "
                         "/rest/v1/reports/**'");
                return EXIT_USAGE;
        }
        return local_section_check(options) ? EXIT_DONE : EXIT_USAGE;
}

/* A user database that does not tell is no reason not to write. */
static bool check_caller_is_there(const char *caller)
{
        struct access_rule rule;
        const char *why;
        bool absent = false;

        if (access_rule_parse(caller, &rule, &why) < 0) {
                return true; /* was checked before */
        }
        errno = 0;
        if (rule.kind == ACCESS_RULE_USER) {
                const struct passwd *user = getpwnam(rule.name);
                absent = user ? user->pw_uid == NOBODY : errno == 0;
        } else if (rule.kind == ACCESS_RULE_GROUP) {
                const struct group *group = getgrnam(rule.name);
                absent = group ? group->gr_gid == NOBODY : errno == 0;
        }
        if (absent) {
                complain("--caller %s: there is no such %s on this host: create it, or correct the name.",
                         caller, rule.kind == ACCESS_RULE_USER ? "user" : "group");
        }
        return !absent;
}

static bool check_settings(const struct options *options, const struct settings *settings)
{
        const struct environment_settings *environment =
                settings_environment(settings, options->environment);

        if (!environment) {
                configuration_complain_unknown(settings, options->environment);
                return false;
        }
        if (settings_local_key(settings, options->local_key)) {
                complain("There is a local key %s already: give this one another name, or see 'eqpctl local "
                         "rotate %s'.",
                         options->local_key, options->local_key);
                return false;
        }
        for (size_t i = 0; i < options->n_callers; i++) {
                if (!check_caller_is_there(options->callers[i])) {
                        return false;
                }
        }
        if (options->n_allows > 0 && !environment->gateway) {
                (void)fprintf(stderr,
                              "The gateway of %s is off, and no request is passed on before it is on: write "
                              "gateway = yes into [environment %s], then: eqpctl reload\n",
                              options->environment, options->environment);
        }
        return true;
}

/* A user who has the port while the daemon is down collects IDs and secrets from programs that know no
 * better; with a caller, they open nothing for anybody else. */
static bool check_port(const struct options *options)
{
        if (options->n_callers > 0 || local_port_is_held(options)) {
                return true;
        }
        complain("While the daemon is down, another user can listen on its TCP port and collect the secret: "
                 "name the key's users with --caller, such as --caller user:deploy, "
                 "or have systemd hold the port (systemctl enable --now eqp-brokerd.socket).");
        return false;
}

/* The further needs of this user's own broker: a port, and, as another user may take that while the broker
 * is down, a caller. */
static bool prepare_own(struct options *options, const struct settings *settings,
                        char caller[static CALLER_MAX])
{
        unsigned port = 0;

        if (options->n_callers == 0) {
                (void)snprintf(caller, CALLER_MAX, "uid:%u", (unsigned)geteuid());
                options->callers[options->n_callers++] = caller;
        }
        if (local_listener_has_port(settings)) {
                return true;
        }
        if (!local_listener_add(settings, &port)) {
                return false;
        }
        (void)fprintf(stderr, "Programs find the broker at http://127.0.0.1:%u/%s from now on.\n", port,
                      options->environment);
        return true;
}

/* The file is written: EXIT_DONE, and the secret may be shown. */
static int take_up(const struct options *options, const char *path)
{
        switch (local_reload(options)) {
        case LOCAL_REJECTED:
                (void)local_file_remove(path);
                complain("The key is not made.");
                return EXIT_FAILED;
        case LOCAL_NO_DAEMON:
                (void)fprintf(stderr, "%s is written. No daemon runs: the key is good once it does.\n",
                              path);
                return EXIT_DONE;
        case LOCAL_NOT_ASKED:
                (void)fprintf(stderr, "%s is written, and is good after: eqpctl reload\n", path);
                return EXIT_DONE;
        case LOCAL_RELOADED:
        default:
                (void)fprintf(stderr, "%s is written, and the daemon has taken it up.\n", path);
                return EXIT_DONE;
        }
}

static int write_and_show(const struct options *options, const struct local_secret *secret, const char *path,
                          const char *text, size_t length)
{
        _cleanup_(held_signals_end) sigset_t held;

        local_handover_begin(&held);
        if (local_file_put(path, text, length, /* create= */ true) < 0) {
                return EXIT_FAILED;
        }
        int code = take_up(options, path);
        if (code != EXIT_DONE) {
                return code;
        }
        if (local_handover_show(secret, secret->id)) {
                (void)fprintf(stderr, "The secret is shown this once.\n");
                return EXIT_DONE;
        }
        if (local_file_remove(path) < 0) {
                complain("The key stays, with a secret that nobody knows: eqpctl local remove %s",
                         options->local_key);
        } else {
                local_handover_take_back(options, path, "removed again", &held, "The key is not made.");
        }
        return EXIT_FAILED;
}

static int add(const struct options *options, const struct local_secret *secret)
{
        const struct local_section section = { options->local_key, options->environment, secret->id,
                                               secret->hash, options };
        _cleanup_free_ char *text = NULL;
        char path[LOCAL_FILE_PATH_MAX];
        size_t length = 0;

        text = local_section_format(&section, &length);
        if (!text) {
                complain("Out of memory.");
                return EXIT_FAILED;
        }
        if (options->print) {
                (void)fwrite(text, 1, length, stdout);
                (void)fprintf(stderr,
                              "Put this section into the broker's configuration. The secret of %s is "
                              "shown this once:\n%s\n",
                              secret->id, secret->secret);
                return finish_output();
        }
        return local_file_path(options->local_key, path)
                       ? write_and_show(options, secret, path, text, length)
                       : EXIT_FAILED;
}

static bool prepare(struct options *options, char caller[static CALLER_MAX])
{
        _cleanup_(settings_freep) struct settings *settings = read_settings();

        if (!settings || !check_settings(options, settings)) {
                return false;
        }
        return scope_is_user() ? prepare_own(options, settings, caller) : check_port(options);
}

int verb_local_add(const struct options *given)
{
        _cleanup_secret_ struct local_secret *secret = NULL;
        struct options options = *given;
        char caller[CALLER_MAX];
        int code = check_options(&options);

        if (code != EXIT_DONE) {
                return code;
        }
        if (!options.print && !prepare(&options, caller)) {
                return EXIT_FAILED;
        }
        secret = local_secret_new(options.local_key);
        return secret ? add(&options, secret) : EXIT_FAILED;
}

/* ---- rotate ---- */

/* False after saying what to do. */
static bool put_back(const char *path, const char *before)
{
        if (local_file_put(path, before, strlen(before), /* create= */ false) >= 0) {
                return true;
        }
        complain("%s has the secret_sha256 of a secret that nobody knows: put the value of "
                 "secret_sha256_old in its place, then: eqpctl reload",
                 path);
        return false;
}

static int put_rotated(const struct options *options, const char *path, const char *before, const char *text,
                       size_t length)
{
        if (local_file_put(path, text, length, /* create= */ false) < 0) {
                return EXIT_FAILED;
        }
        switch (local_reload(options)) {
        case LOCAL_REJECTED:
                if (put_back(path, before)) {
                        complain("The secret stays as it was.");
                }
                return EXIT_FAILED;
        case LOCAL_NOT_ASKED:
                (void)fprintf(stderr, "%s is written, and is good after: eqpctl reload\n", path);
                return EXIT_DONE;
        default:
                return EXIT_DONE;
        }
}

static int rotate(const struct options *options, const struct local_key *key)
{
        _cleanup_secret_ struct local_secret *secret = local_secret_new(key->name);
        _cleanup_free_ char *before = NULL, *text = NULL;
        int64_t old_until_sec = (int64_t)time(NULL) + OLD_GOOD_SEC;
        char path[LOCAL_FILE_PATH_MAX], date[END_DATE_TEXT_MAX];
        size_t length = 0;
        bool found;

        if (!secret || !local_file_path(key->name, path)) {
                return EXIT_FAILED;
        }
        before = local_file_read(path, key->name);
        if (!before) {
                return EXIT_FAILED;
        }
        text = local_section_rotate(before, key->name, secret->hash, key->secret_hash, old_until_sec,
                                    &length, &found);
        if (!text || !found) {
                complain(text ? "%s has no secret_sha256 of the local key %s." : "Out of memory.", path,
                         key->name);
                return EXIT_FAILED;
        }
        _cleanup_(held_signals_end) sigset_t held;
        local_handover_begin(&held);
        int code = put_rotated(options, path, before, text, length);
        if (code != EXIT_DONE) {
                return code;
        }
        if (local_handover_show(secret, key->id)) {
                (void)fprintf(stderr,
                              "The secret is shown this once. The one from before is good until %s.\n",
                              end_date_format(old_until_sec, date));
                return EXIT_DONE;
        }
        if (put_back(path, before)) {
                local_handover_take_back(options, path, "as it was before", &held,
                                         "The secret stays as it was.");
        }
        return EXIT_FAILED;
}

int verb_local_rotate(const struct options *options)
{
        _cleanup_(settings_freep) struct settings *settings = NULL;
        const struct local_key *key;

        if (!is_name(options->local_key)) {
                return EXIT_USAGE;
        }
        settings = read_settings();
        if (!settings) {
                return EXIT_FAILED;
        }
        key = settings_local_key(settings, options->local_key);
        if (!key) {
                complain("There is no local key %s. See: eqpctl local list", options->local_key);
                return EXIT_FAILED;
        }
        return rotate(options, key);
}

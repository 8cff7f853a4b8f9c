/* --check; see the header. Where root asks, whatever the daemon's user may not read is named, with the cure:
 * root may read everything. */
#include "daemon/check.h"

#include "daemon/base/journal.h"
#include "daemon/check_share.h"
#include "daemon/keeper/key_directory.h"
#include "daemon/keeper/obstacle.h"
#include "daemon/keeper/rule_answers.h"
#include "daemon/keeper/settings_remarks.h"
#include "daemon/unit_user.h"
#include "lib/util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define OWN_DIRECTORY "/etc/eqp-broker"
#define CA_DIRECTORY  OWN_DIRECTORY "/ca"

static struct unit_user user; /* whom this process became; "": nobody else */

void check_begin(bool named)
{
        if (geteuid() == 0 && !named && !unit_user_become(&user)) {
                user = (struct unit_user){ 0 };
        }
}

/* A directory on the way is not opened for a certificate's sake unless it is the broker's own. */
static bool is_private(const struct obstacle *obstacle)
{
        return obstacle->on_the_way && strncmp(obstacle->path, OWN_DIRECTORY, strlen(OWN_DIRECTORY)) != 0;
}

/* eqpctl doctor reads these lines: whom, what, and the cure. */
static void say_closed(const struct obstacle *obstacle, const char *path, bool is_key)
{
        const struct journal_record record = { .priority = LOG_ERR };
        const char *at = obstacle->path;

        if (!is_key && is_private(obstacle)) {
                journal_say(&record,
                            "the daemon's user, %s, may not read %s: install -m 0644 %s " CA_DIRECTORY
                            "/, and name that file as ca_file",
                            user.name, path, path);
                return;
        }

        if (is_key && !obstacle->on_the_way) {
                journal_say(&record, "the daemon's user, %s, may not read %s: chown %s %s && chmod %s %s",
                            user.name, path, user.name, at, obstacle->is_directory ? "0700" : "0600", at);
        } else {
                journal_say(&record, "the daemon's user, %s, may not read %s: %s %s", user.name, path,
                            obstacle_cure(obstacle), at);
        }
}

/* Returns whether it may be read. */
static bool check_file(const char *path, bool is_key)
{
        struct obstacle obstacle;

        if (!obstacle_find(path, &obstacle)) {
                return true;
        }
        say_closed(&obstacle, path, is_key);
        return false;
}

static bool check_authorities(const struct settings *settings)
{
        bool good = true;

        for (size_t i = 0; i < settings->n_environments; i++) {
                const char *path = settings->environments[i].ca_file;
                bool told = false;
                for (size_t j = 0; j < i && path; j++) {
                        const char *other = settings->environments[j].ca_file;
                        told = told || (other && streq(other, path));
                }
                good = (!path || told || check_file(path, /* is_key= */ false)) && good;
        }
        return good;
}

/* The daemon would not read it. */
static bool is_no_file(const char *path)
{
        struct stat status;

        return stat(path, &status) == 0 && !S_ISREG(status.st_mode);
}

/* Nobody's eyes but the caller's: whether the daemon may read it is not known, so it is a remark. */
static void remark_authorities(const char *place, const char *section, const char *path)
{
        struct obstacle obstacle;
        bool closed;

        if (path && is_no_file(path)) {
                journal_say(
                        &(struct journal_record){ .priority = LOG_WARNING },
                        "%s: the ca_file of [%s], %s, is not a regular file; name a file of certificates",
                        place, section, path);
                return;
        }
        if (!path || faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) == 0) {
                return;
        }
        int error = errno;
        closed = (error == EACCES || error == EPERM) && obstacle_find(path, &obstacle);
        if (closed && user.name[0] != '\0') {
                return; /* that is an error, and told as such */
        }
        char cure[PATH_MAX + 64] = "put it there, readable by everybody";
        if (closed && is_private(&obstacle)) {
                (void)snprintf(cure, sizeof(cure), "put it into " CA_DIRECTORY ", and name that file");
        } else if (closed) {
                (void)snprintf(cure, sizeof(cure), "let the daemon's user read it: %s %s",
                               obstacle_cure(&obstacle), obstacle.path);
        }
        journal_say(&(struct journal_record){ .priority = LOG_WARNING },
                    "%s: the ca_file of [%s], %s, cannot be read: %s; %s", place, section, path,
                    strerror(error), cure);
}

static void remark_all_authorities(const struct settings *settings)
{
        char section[sizeof("environment ") + ENVIRONMENT_NAME_MAX];

        for (size_t i = 0; i < settings->n_environments; i++) {
                const struct environment_settings *environment = &settings->environments[i];

                (void)snprintf(section, sizeof(section), "environment %s", environment->name);
                remark_authorities(environment->place, section, environment->ca_file);
        }
        remark_authorities(settings->share.place, "share", settings->share.ca_file);
}

static bool check_share_files(const struct share_settings *share)
{
        bool good = !share->ca_file || check_file(share->ca_file, /* is_key= */ false);

        good = (!share->password_file || check_file(share->password_file, /* is_key= */ true)) && good;
        return (!share->share_secret_file || check_file(share->share_secret_file, /* is_key= */ true)) &&
               good;
}

static bool check_keys(const struct settings *settings)
{
        const char *folder =
                settings->keys_directory ? settings->keys_directory : settings->default_keys_directory;
        const struct dirent *entry;
        char path[PATH_MAX], environment[ENVIRONMENT_NAME_MAX + 1], label[KEY_LABEL_MAX + 1];
        bool good = true;

        if (!settings->keys_directory && user.has_credentials) {
                return true; /* files there may be what systemd, as root, makes credentials of */
        }
        DIR *stream = opendir(folder);
        if (!stream) {
                return check_file(folder, /* is_key= */ true);
        }
        while ((entry = readdir(stream))) {
                if (key_directory_may_be_key(entry) &&
                    key_directory_name_parse(/* shared= */ false, entry->d_name, environment, label) == 0) {
                        int n = snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
                        good = (n >= (int)sizeof(path) || check_file(path, /* is_key= */ true)) && good;
                }
        }
        (void)closedir(stream);
        return good;
}

/* Each that the daemon's user may not read is named. */
static bool check_files(const struct settings *settings)
{
        bool good = check_authorities(settings);

        good = check_share_files(&settings->share) && good;
        return check_keys(settings) && good;
}

static void say_fault(const char *message)
{
        journal_say(&(struct journal_record){ .priority = LOG_ERR, .id = EVENT_SETTINGS_BAD }, "%s",
                    message);
}

/* A name that is unknown takes nothing else down in the daemon; so the settings are shown then as well. */
int check_settings(struct settings *settings, bool connect)
{
        _cleanup_free_ char *text = settings_format(settings);
        bool named = rule_answers_check(settings, say_fault) >= 0;

        settings_remarks_log(settings);
        remark_all_authorities(settings);
        bool readable = user.name[0] == '\0' || check_files(settings);
        int code = readable ? check_share(settings, connect) : BROKER_EXIT_PERMISSION;
        if (code == BROKER_EXIT_CONFIGURATION) {
                return code;
        }
        if (!text ||
            (user.name[0] != '\0' && printf("# As the daemon's user, %s, sees it.\n", user.name) < 0) ||
            fputs(text, stdout) < 0 || fflush(stdout) != 0) {
                return BROKER_EXIT_INTERNAL;
        }
        return named ? code : BROKER_EXIT_CONFIGURATION;
}

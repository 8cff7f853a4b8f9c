/* Doctor, unit: the files that the service sees. Its unit gives it a root directory of its own and
 * shows it some directories there; anything else does not exist for it. systemd is asked, as drop-ins may
 * show more. */
#include "ctl/doctor_parts.h"
#include "ctl/program.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYSTEMCTL  "/usr/bin/systemctl"
#define LIMIT_USEC (10 * USEC_PER_SEC)

/* Does a word of systemd's, SOURCE:PLACE:OPTIONS or less of that, show the path under its own name? */
static bool word_shows(const char *word, const char *path)
{
        const char *place;
        size_t length;

        word += word[0] == '-'; /* "if it is there" */
        place = strchr(word, ':');
        place = place ? place + 1 : word;
        length = strcspn(place, ":");
        return length > 0 && strncmp(place, path, length) == 0 &&
               (path[length] == '/' || path[length] == '\0');
}

/* text: properties of a unit, NAME=VALUE in lines. */
static bool properties_show(char *text, const char *path)
{
        bool has_root = false, shown = false;
        char *rest = NULL, *rest_of_line = NULL;

        for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
                char *value = strchr(line, '=');

                if (!value || value[1] == '\0') {
                        continue;
                }
                *value++ = '\0';
                if (streq(line, "RootDirectory")) {
                        has_root = !streq(value, "/");
                        continue;
                }
                for (char *word = strtok_r(value, " ", &rest_of_line); word;
                     word = strtok_r(NULL, " ", &rest_of_line)) {
                        shown = shown || word_shows(word, path);
                }
        }

        return shown || !has_root;
}

static bool ask_unit(const char *properties, struct program_result *result)
{
        const char *const arguments[] = { "show", properties, "eqp-brokerd.service", NULL };
        const char *named = getenv("EQP_BROKER_CONFIG");

        /* Other settings than the unit's are another daemon's. */
        return (!named || named[0] == '\0') && access("/run/systemd/system", F_OK) == 0 &&
               program_run_at(SYSTEMCTL, arguments, /* input= */ NULL, 0, LIMIT_USEC, result) >= 0 &&
               result->exit_code == 0;
}

bool doctor_unit_lacks(const char *path)
{
        _cleanup_(program_result_clear) struct program_result result = { 0 };
        char root[64], there[PATH_MAX];
        struct stat ours, its;

        if (!ask_unit("--property=MainPID", &result) || strncmp(result.output, "MainPID=", 8) != 0) {
                return false;
        }
        (void)snprintf(root, sizeof(root), "/proc/%ld/root/", strtol(result.output + 8, NULL, 10));
        (void)snprintf(there, sizeof(there), "%s%s", root, path + 1);
        if (access(root, X_OK) < 0 || stat(path, &ours) < 0) {
                return false;
        }
        if (stat(there, &its) < 0) {
                return errno == ENOENT;
        }
        return S_ISDIR(ours.st_mode) && (ours.st_dev != its.st_dev || ours.st_ino != its.st_ino);
}

bool doctor_unit_shows(const char *path)
{
        _cleanup_(program_result_clear) struct program_result result = { 0 };
        _cleanup_free_ char *real = NULL, *copy = NULL;

        if (!ask_unit("--property=RootDirectory,BindPaths,BindReadOnlyPaths", &result)) {
                return true;
        }

        /* Where a link leads has to be seen as well. */
        real = realpath(path, NULL);
        copy = strdup(result.output);
        if (!real || !copy) {
                return true;
        }
        return properties_show(copy, path) && properties_show(result.output, real);
}

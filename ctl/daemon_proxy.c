/* Daemon proxy. The daemon tells its process, and the kernel what environment that was started with: so it
 * does not matter whether a unit, an image or a shell has set it. Where the rules let not even root ask the
 * daemon, systemd tells the process of its unit.
 *
 * The number may mean another process here, if the daemon lives in a container; so the name has to be right,
 * too. */
#include "ctl/daemon_proxy.h"

#include "client/eqp-broker.h"
#include "ctl/daemon_status.h"
#include "ctl/fields.h"
#include "ctl/program.h"
#include "ctl/scope.h"
#include "lib/descriptor.h"
#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define ENVIRONMENT_MAX (256 * 1024)
#define DAEMON_NAME     "eqp-brokerd\n"
#define SYSTEMCTL       "/usr/bin/systemctl"
#define LIMIT_USEC      (10 * USEC_PER_SEC)

/* The variables that libcurl reads for https. */
static const char *const names[] = { "https_proxy", "HTTPS_PROXY", "all_proxy",
                                     "ALL_PROXY",   "no_proxy",    "NO_PROXY" };

/* The daemon's process; 0: it is not known. */
static int64_t ask_for_pid(const char *address)
{
        _cleanup_(json_putp) struct json_object *status = NULL;
        struct eqp_broker *broker = NULL;
        int64_t pid = 0;

        if (eqp_broker_open(&broker, address, "eqpctl") == 0 && daemon_status_get(broker, &status) == 0) {
                pid = field_count(status, "pid");
        }
        (void)eqp_broker_free(broker);
        return pid;
}

static bool is_named(const char *variable)
{
        const char *value = getenv(variable);

        return value && value[0] != '\0';
}

/* The process of the unit; 0: there is none, or this is about another daemon than the unit's. */
static int64_t ask_systemd_for_pid(const char *address)
{
        static const char *const arguments[] = { "show", "--property=MainPID", "--value",
                                                 "eqp-brokerd.service", NULL };
        _cleanup_(program_result_clear) struct program_result result = { 0 };

        if (address || is_named("EQP_BROKER_ADDRESS") || is_named("EQP_BROKER_CONFIG") || scope_is_user() ||
            access("/run/systemd/system", F_OK) < 0 ||
            program_run_at(SYSTEMCTL, arguments, /* input= */ NULL, 0, LIMIT_USEC, &result) < 0 ||
            result.exit_code != 0) {
                return 0;
        }
        return strtoll(result.output, NULL, 10);
}

/* A file of a process, with a NUL behind it. Its length, or a negative errno. */
static ssize_t read_file(int process, const char *name, char *text, size_t size)
{
        _cleanup_close_ int fd = openat(process, name, O_RDONLY | O_CLOEXEC);
        ssize_t length = fd < 0 ? -errno : read_fully(fd, text, size - 1);

        if (length >= 0) {
                text[length] = '\0';
        }
        return length;
}

/* A variable in what a process was started with: lines that end with NUL. NULL: it is not there. */
static const char *find(const char *environment, size_t length, const char *name)
{
        size_t name_length = strlen(name);

        for (const char *line = environment; line < environment + length; line += strlen(line) + 1) {
                if (strncmp(line, name, name_length) == 0 && line[name_length] == '=') {
                        return line + name_length + 1;
                }
        }
        return NULL;
}

void daemon_proxy_adopt(const char *address)
{
        char path[64], name[sizeof(DAEMON_NAME) + 1];
        _cleanup_close_ int process = -1;
        _cleanup_free_ char *environment = malloc(ENVIRONMENT_MAX);
        int64_t pid = ask_for_pid(address);
        ssize_t length;

        if (pid <= 0) {
                pid = ask_systemd_for_pid(address);
        }
        if (!environment || pid <= 0) {
                return;
        }
        (void)snprintf(path, sizeof(path), "/proc/%lld", (long long)pid);
        process = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (process < 0 || read_file(process, "comm", name, sizeof(name)) < 0 || !streq(name, DAEMON_NAME)) {
                return;
        }
        length = read_file(process, "environ", environment, ENVIRONMENT_MAX);
        if (length <= 0) {
                return;
        }

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                const char *value = find(environment, (size_t)length, names[i]);

                /* Short of memory, the trial is as it would be without this. */
                (void)(value ? setenv(names[i], value, /* overwrite= */ 1) : unsetenv(names[i]));
        }
}

/* Starting a child.
 *
 * From /proc/self/exe: the program that runs, whatever lies at its path by now; so both ends are one
 * version, and an upgrade changes nothing under a running service. */
#include "daemon/keeper/child_spawn.h"

#include "daemon/base/channel.h"
#include "daemon/base/child.h"
#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM "/proc/self/exe"

/* Variables of sanitizers and of coverage, in builds that have them; no others. */
#define VARIABLES_MAX 16
static bool is_for_checks(const char *variable)
{
        static const char *const prefixes[] = {
                "ASAN_", "LSAN_", "UBSAN_", "TSAN_", "LLVM_PROFILE_", "GCOV_"
        };

        for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
                if (strncmp(variable, prefixes[i], strlen(prefixes[i])) == 0) {
                        return true;
                }
        }
        return false;
}

static void choose_variables(char *ret[static VARIABLES_MAX + 1])
{
        size_t n = 0;

        for (char **variable = environ; variable && *variable && n < VARIABLES_MAX; variable++) {
                if (is_for_checks(*variable)) {
                        ret[n++] = *variable;
                }
        }
        ret[n] = NULL;
}

/* Standard descriptors lead nowhere, and nothing can be written there: a child's log comes by
 * messages. theirs is above all numbers that are filled here. */
static int set_descriptors(posix_spawn_file_actions_t *actions, int theirs)
{
        const int last = CHILD_KEEPS_STDERR ? STDOUT_FILENO : STDERR_FILENO;

        for (int fd = STDIN_FILENO; fd <= last; fd++) {
                int error = posix_spawn_file_actions_addopen(actions, fd, "/dev/null", O_RDONLY, 0);
                if (error != 0) {
                        return -error;
                }
        }
        int error = posix_spawn_file_actions_adddup2(actions, theirs, CHILD_CHANNEL_FD);
        if (error != 0) {
                return -error;
        }
        return -posix_spawn_file_actions_addclosefrom_np(actions, CHILD_CHANNEL_FD + 1);
}

/* Of the signals that ask the service to end, a manager sends some to all of its processes: a child is to
 * hear that from us. */
static int set_signals(posix_spawnattr_t *attributes)
{
        sigset_t all, held;

        (void)sigfillset(&all);
        (void)sigemptyset(&held);
        (void)sigaddset(&held, SIGTERM);
        (void)sigaddset(&held, SIGINT);
        (void)sigaddset(&held, SIGHUP);
        int error = posix_spawnattr_setsigdefault(attributes, &all);
        if (error != 0) {
                return -error;
        }
        error = posix_spawnattr_setsigmask(attributes, &held);
        if (error != 0) {
                return -error;
        }
        return -posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
}

static int spawn_as(const char *option, posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes,
                    pid_t *ret_pid, int theirs)
{
        char program[] = "eqp-brokerd", word[32];
        char *const words[] = { program, word, NULL };
        char *variables[VARIABLES_MAX + 1];

        (void)snprintf(word, sizeof(word), "%s", option);
        choose_variables(variables);
        int r = set_descriptors(actions, theirs);
        if (r < 0) {
                return r;
        }
        r = set_signals(attributes);
        if (r < 0) {
                return r;
        }
        return -posix_spawn(ret_pid, PROGRAM, actions, attributes, words, variables);
}

static int spawn(const char *option, pid_t *ret_pid, int theirs)
{
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;

        int error = posix_spawn_file_actions_init(&actions);
        if (error != 0) {
                return -error;
        }
        error = posix_spawnattr_init(&attributes);
        if (error != 0) {
                (void)posix_spawn_file_actions_destroy(&actions);
                return -error;
        }
        int r = spawn_as(option, &actions, &attributes, ret_pid, theirs);
        (void)posix_spawnattr_destroy(&attributes);
        (void)posix_spawn_file_actions_destroy(&actions);
        return r;
}

int child_spawn(const char *option, pid_t *ret_pid, int *ret_fd)
{
        int pair[2];

        int r = channel_pair(pair);
        if (r < 0) {
                return r;
        }
        _cleanup_close_ int ours = pair[0], theirs = pair[1];
        _cleanup_close_ int high = fcntl(theirs, F_DUPFD_CLOEXEC, CHILD_CHANNEL_FD + 1);
        if (high < 0) {
                return -errno;
        }
        pid_t pid = 0;
        r = spawn(option, &pid, high);
        if (r < 0) {
                return r;
        }
        *ret_pid = pid;
        *ret_fd = take_fd(ours);
        return 0;
}

void child_spawn_describe_end(int status, char *text, size_t size)
{
        if (WIFSIGNALED(status)) {
                (void)snprintf(text, size, "was ended by signal %d (SIG%s)", WTERMSIG(status),
                               sigabbrev_np(WTERMSIG(status)) ?: "?");
        } else {
                (void)snprintf(text, size, "ended with exit code %d", WEXITSTATUS(status));
        }
}

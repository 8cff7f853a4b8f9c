/* The daemon hands over to its frontends all that lets calls fail there as well.
 *
 * The keeper gives them no variables: so posix_spawn() adds them, and a descriptor of the report, which is
 * opened in the keeper. Only the first frontend gets the report. */
#include "tests/faults/faults.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/param.h>
#include <unistd.h>

#define HANDED_REPORT "EQP_FAULT_REPORT_FD=4"
#define HANDED_PAGE   "EQP_CHAOS_CONTROL_FD=4"
#define VARIABLES_MAX 32

static int report = -1;
static bool has_spawned;

/* tests/chaos links this in: the file of its page. */
__attribute__((weak)) int control_descriptor(void);

void faults_hand_report(int fd)
{
        report = fd;
}

/* A descriptor that the next frontend gets. */
static int handed_descriptor(void)
{
        if (report >= 0) {
                return report;
        }
        return control_descriptor ? control_descriptor() : -1;
}

/* Fills `text` with "NAME=VALUE" if there is a value. */
static size_t pass(char **ret, char *text, size_t size, const char *name, const char *value)
{
        if (!value) {
                return 0;
        }
        (void)snprintf(text, size, "%s=%s", name, value);
        *ret = text;
        return 1;
}

int __real_posix_spawn(pid_t *ret, const char *path, const posix_spawn_file_actions_t *actions,
                       const posix_spawnattr_t *attributes, char *const words[], char *const variables[]);
int __wrap_posix_spawn(pid_t *ret, const char *path, const posix_spawn_file_actions_t *actions,
                       const posix_spawnattr_t *attributes, char *const words[], char *const variables[]);
int __wrap_posix_spawn(pid_t *ret, const char *path, const posix_spawn_file_actions_t *actions,
                       const posix_spawnattr_t *attributes, char *const words[], char *const variables[])
{
        char *passed[VARIABLES_MAX + 1];
        char report_variable[] = HANDED_REPORT, page_variable[] = HANDED_PAGE, fault[64];
        size_t n = 0;

        if (faults_now(KIND_FILE, "posix_spawn")) {
                return EAGAIN;
        }
        while (variables[n] && n + 3 < VARIABLES_MAX) {
                passed[n] = variables[n];
                n++;
        }
        if (!has_spawned) {
                n += pass(&passed[n], fault, sizeof(fault), "EQP_FAULT", getenv("EQP_FAULT_FRONTEND"));
        }
        if (handed_descriptor() >= 0) {
                passed[n++] = report >= 0 ? report_variable : page_variable;
        }
        passed[n] = NULL;
        int r = __real_posix_spawn(ret, path, actions, attributes, words, passed);
        if (r == 0 && report >= 0) {
                (void)close(report); /* the next one counts for nothing */
                report = -1;
        }
        has_spawned |= r == 0;
        return r;
}

/* The words of libraries at a frontend's death are to be read. */
int __real_posix_spawn_file_actions_addopen(posix_spawn_file_actions_t *actions, int fd, const char *path,
                                            int flags, mode_t mode);
int __wrap_posix_spawn_file_actions_addopen(posix_spawn_file_actions_t *actions, int fd, const char *path,
                                            int flags, mode_t mode);
int __wrap_posix_spawn_file_actions_addopen(posix_spawn_file_actions_t *actions, int fd, const char *path,
                                            int flags, mode_t mode)
{
        if (fd == STDERR_FILENO) {
                return 0;
        }
        return faults_now(KIND_MEMORY, "posix_spawn_file_actions_addopen")
                       ? ENOMEM
                       : __real_posix_spawn_file_actions_addopen(actions, fd, path, flags, mode);
}

int __real_posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int from);
int __wrap_posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int from);
int __wrap_posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int from)
{
        if (handed_descriptor() >= 0) {
                (void)posix_spawn_file_actions_adddup2(actions, handed_descriptor(), FAULTS_HANDED_FD);
                from = MAX(from, FAULTS_HANDED_FD + 1);
        }
        return __real_posix_spawn_file_actions_addclosefrom_np(actions, from);
}

/* Code with which both processes of the daemon can be run by valgrind; linked into a daemon of its own, by
 * --wrap.
 *
 * /proc/self/exe would be valgrind, so the frontend is what EQP_FRONTEND_PROGRAM names: a script that has
 * valgrind run this program. valgrind lets nothing confine itself. It writes its findings to stderr at the
 * end, which takes its time: so nobody is killed before. */
#include "daemon/base/confinement.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_SEC 60

int __wrap_confine_keeper(struct confinement *ret);
int __wrap_confine_frontend(int pair_fd, int highest_fd, struct confinement *ret);

int __wrap_confine_keeper(struct confinement *ret)
{
        *ret = (struct confinement){ 0 };
        return 0;
}

int __wrap_confine_frontend(int pair_fd, int highest_fd, struct confinement *ret)
{
        return __wrap_confine_keeper(ret);
}

int __wrap_confine_forwarder(struct confinement *ret);
int __wrap_confine_forwarder(struct confinement *ret)
{
        return __wrap_confine_keeper(ret);
}

int __real_posix_spawn(pid_t *ret, const char *path, const posix_spawn_file_actions_t *actions,
                       const posix_spawnattr_t *attributes, char *const words[], char *const variables[]);
int __wrap_posix_spawn(pid_t *ret, const char *path, const posix_spawn_file_actions_t *actions,
                       const posix_spawnattr_t *attributes, char *const words[], char *const variables[]);
int __wrap_posix_spawn(pid_t *ret, const char *path, const posix_spawn_file_actions_t *actions,
                       const posix_spawnattr_t *attributes, char *const words[], char *const variables[])
{
        const char *program = getenv("EQP_FRONTEND_PROGRAM");

        return __real_posix_spawn(ret, program ? program : path, actions, attributes, words, variables);
}

int __real_posix_spawn_file_actions_addopen(posix_spawn_file_actions_t *actions, int fd, const char *path,
                                            int flags, mode_t mode);
int __wrap_posix_spawn_file_actions_addopen(posix_spawn_file_actions_t *actions, int fd, const char *path,
                                            int flags, mode_t mode);
int __wrap_posix_spawn_file_actions_addopen(posix_spawn_file_actions_t *actions, int fd, const char *path,
                                            int flags, mode_t mode)
{
        return fd == STDERR_FILENO ? 0
                                   : __real_posix_spawn_file_actions_addopen(actions, fd, path, flags, mode);
}

/* Its channel is closed by now, so it ends by itself. */
int __real_kill(pid_t pid, int number);
int __wrap_kill(pid_t pid, int number);
int __wrap_kill(pid_t pid, int number)
{
        const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };
        siginfo_t end = { .si_pid = 0 };

        for (int i = 0; number == SIGKILL && i < PATIENCE_SEC * 100; i++) {
                if (waitid(P_PID, (id_t)pid, &end, WEXITED | WNOWAIT | WNOHANG) < 0 || end.si_pid == pid) {
                        return 0;
                }
                (void)nanosleep(&pause, NULL);
        }
        return __real_kill(pid, number);
}

/* Token command: its process group is asked to end (SIGTERM), and killed two seconds later. A process that
 * it leaves in the background when it ends by itself is its own affair. */
#include "ctl/token_command.h"

#include "ctl/complain.h"
#include "lib/duration.h"
#include "lib/secret.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>

#define GRACE_USEC (2 * USEC_PER_SEC)
#define N_SET      3

/* ---- its environment ---- */

/* "NAME=value" for each; strings lie in secret memory. */
struct surroundings {
        char *block;
        char **list; /* NULL at the end; inherited strings point to where they are */
};

static void surroundings_clear(struct surroundings *surroundings)
{
        surroundings->block = secret_free(surroundings->block);
        free(surroundings->list);
}

static bool is_set(const char *variable, const char *const names[static N_SET])
{
        size_t length = strcspn(variable, "=");

        for (size_t i = 0; i < N_SET; i++) {
                if (strlen(names[i]) == length && strncmp(variable, names[i], length) == 0) {
                        return true;
                }
        }
        return false;
}

static bool surroundings_make(struct surroundings *ret, const struct eqp_broker_token *token)
{
        static const char *const names[N_SET] = { "EQP_TOKEN", "EQP_MAGE_ID", "EQP_BASE_URL" };
        const char *const values[N_SET] = { eqp_broker_token_ust(token), eqp_broker_token_mage_id(token),
                                            eqp_broker_token_base_url(token) };
        size_t size = 0, n = 0, n_inherited = 0;
        char *end;

        for (size_t i = 0; i < N_SET; i++) {
                size += strlen(names[i]) + strlen(values[i]) + 2;
        }
        while (environ && environ[n_inherited]) {
                n_inherited++;
        }
        ret->block = secret_alloc(size);
        ret->list = calloc(n_inherited + N_SET + 1, sizeof(*ret->list));
        if (!ret->block || !ret->list) {
                return false;
        }
        end = ret->block;
        for (size_t i = 0; i < N_SET; i++) {
                ret->list[n++] = end;
                end = stpcpy(stpcpy(stpcpy(end, names[i]), "="), values[i]) + 1;
        }
        for (size_t i = 0; i < n_inherited; i++) {
                if (!is_set(environ[i], names)) {
                        ret->list[n++] = environ[i];
                }
        }
        return true;
}

/* ---- its beginning ---- */

/* An errno, or 0, as posix_spawn() itself. */
static int spawn_as(const struct token_command *command, posix_spawn_file_actions_t *actions,
                    posix_spawnattr_t *attributes, char **environment, pid_t *ret_pid)
{
        sigset_t defaults;

        (void)sigemptyset(&defaults);
        if (!command->ignores_pipe) {
                (void)sigaddset(&defaults, SIGPIPE);
        }
        int error = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        if (error != 0) {
                return error;
        }
        error = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                                             POSIX_SPAWN_SETSIGDEF);
        if (error != 0) {
                return error;
        }
        error = posix_spawnattr_setsigmask(attributes, command->signals);
        if (error != 0) {
                return error;
        }
        error = posix_spawnattr_setsigdefault(attributes, &defaults);
        if (error != 0) {
                return error;
        }
        return posix_spawnp(ret_pid, command->argv[0], actions, attributes, command->argv, environment);
}

static int spawn(const struct token_command *command, char **environment, pid_t *ret_pid)
{
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        int error = posix_spawn_file_actions_init(&actions);

        if (error != 0) {
                return error;
        }
        error = posix_spawnattr_init(&attributes);
        if (error == 0) {
                error = spawn_as(command, &actions, &attributes, environment, ret_pid);
                (void)posix_spawnattr_destroy(&attributes);
        }
        (void)posix_spawn_file_actions_destroy(&actions);
        return error;
}

void token_command_start(struct token_command *command, const struct eqp_broker_token *token,
                         uint64_t now_usec)
{
        _cleanup_(surroundings_clear) struct surroundings surroundings = { 0 };
        int error = surroundings_make(&surroundings, token)
                            ? spawn(command, surroundings.list, &command->pid)
                            : ENOMEM;

        command->told = false;
        command->failed = error != 0;
        command->end_usec = now_usec + command->limit_usec;
        if (error != 0) {
                command->pid = 0;
                complain("%s cannot be run: %s. It is tried again with the next token.", command->argv[0],
                         strerror(error));
        }
}

/* ---- its end ---- */

static void tell_end(const struct token_command *command, int status)
{
        if (WIFEXITED(status)) {
                complain("%s ended with exit code %d.", command->argv[0], WEXITSTATUS(status));
        } else {
                complain("%s was ended by signal %d (%s).", command->argv[0], WTERMSIG(status),
                         strsignal(WTERMSIG(status)));
        }
}

/* Has it ended? Once it was told to, nothing of its group goes on without it: until it is waited for, the
 * number is the group's. */
static bool reap(struct token_command *command, int *ret_status)
{
        siginfo_t info = { 0 };

        if (waitid(P_PID, (id_t)command->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0) {
                return false;
        }
        if (command->told) {
                (void)kill(-command->pid, SIGKILL);
        }
        if (waitpid(command->pid, ret_status, 0) < 0) {
                *ret_status = W_EXITCODE(EXIT_FAILED, 0); /* cannot be */
        }
        command->pid = 0;
        command->end_usec = USEC_NEVER;
        return true;
}

static void tell_to_end(struct token_command *command)
{
        (void)kill(-command->pid, SIGTERM);
        (void)kill(-command->pid, SIGCONT); /* one that stands still would not hear it */
        command->told = true;
}

void token_command_look(struct token_command *command, uint64_t now_usec)
{
        char limit[DURATION_TEXT_MAX];
        int status = 0;

        if (command->pid == 0) {
                return;
        }
        if (reap(command, &status)) {
                command->failed = !WIFEXITED(status) || WEXITSTATUS(status) != 0;
                tell_end(command, status);
        } else if (now_usec >= command->end_usec && !command->told) {
                complain("%s has not ended within %s, and is asked to end.", command->argv[0],
                         duration_format(command->limit_usec, limit));
                tell_to_end(command);
                command->end_usec = now_usec + GRACE_USEC;
        } else if (now_usec >= command->end_usec) {
                (void)kill(-command->pid, SIGKILL);
                command->end_usec = USEC_NEVER;
        }
}

void token_command_stop(struct token_command *command)
{
        const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };
        int status;

        if (command->pid == 0) {
                return;
        }
        tell_to_end(command);
        for (uint64_t waited_usec = 0; !reap(command, &status); waited_usec += 10 * USEC_PER_MSEC) {
                if (waited_usec >= GRACE_USEC) {
                        (void)kill(-command->pid, SIGKILL);
                }
                (void)nanosleep(&pause, NULL);
        }
}

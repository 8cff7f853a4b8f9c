/* Program: eqp-brokerd as a child. Its input is written into a pipe before the child exists, so nobody
 * waits for anybody; a key takes this way since arguments and environments can be seen by others. */
#include "ctl/program.h"

#include "ctl/scope.h"
#include "ctl/text.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARGUMENTS_MAX 10
#define INPUT_MAX     4096
#define OUTPUT_MAX    (16 * 1024 * 1024) /* settings with very many local keys */
#define ERRORS_MAX    (16 * 1024)

static_assert(INPUT_MAX <= PIPE_BUF, "a pipe takes it at once");

/* The output of a pipe; beyond max it is read and dropped, so that the child is not held up. */
struct reader {
        int fd;
        char *text;
        size_t length, max;
};

struct readers {
        struct reader output, errors;
};

struct child {
        pid_t pid;
        int input[2], output[2], errors[2];
};

/* The one beside us, where there is one: an eqpctl that was installed in another place than it was built for
 * has its daemon there. Not for set-user-ID programs, which somebody may have linked into a folder of their
 * own. */
static const char *beside_us(void)
{
        static char path[PATH_MAX];

        ssize_t length = getauxval(AT_SECURE) ? -1 : readlink("/proc/self/exe", path, sizeof(path));
        if (length <= 0 || (size_t)length >= sizeof(path)) {
                return NULL;
        }
        char *slash = memrchr(path, '/', (size_t)length);
        size_t room = slash ? (size_t)(path + sizeof(path) - slash) : 0;
        if (!slash || (size_t)snprintf(slash, room, "/eqp-brokerd") >= room) {
                return NULL;
        }
        return access(path, X_OK) == 0 ? path : NULL;
}

const char *program_path(void)
{
        const char *path = secure_getenv("EQP_BROKERD");

        return path && path[0] != '\0' ? path : beside_us() ?: EQP_BROKERD_PATH;
}

void program_result_clear(struct program_result *result)
{
        free(result->output);
        free(result->errors);
        *result = (struct program_result){ 0 };
}

static void close_child(struct child *child)
{
        for (size_t i = 0; i < 2; i++) {
                close_fd(&child->input[i]);
                close_fd(&child->output[i]);
                close_fd(&child->errors[i]);
        }
}

/* ---- reading ---- */

static int reader_init(struct reader *ret_reader, int fd, size_t max)
{
        char *text = malloc(max + 1);

        if (!text) {
                return -ENOMEM;
        }
        *ret_reader = (struct reader){ .fd = fd, .text = text, .max = max };
        return 0;
}

static void readers_clear(struct readers *readers)
{
        free(readers->output.text);
        free(readers->errors.text);
}

/* Reads what is there. False at the end. */
static bool reader_take(struct reader *reader)
{
        char overflow[512];
        bool full = reader->length == reader->max;
        ssize_t n = read(reader->fd, full ? overflow : reader->text + reader->length,
                         full ? sizeof(overflow) : reader->max - reader->length);

        if (n > 0 && !full) {
                reader->length += (size_t)n;
        }

        return n > 0 || (n < 0 && errno == EINTR);
}

static uint64_t now_usec(void)
{
        struct timespec now = { 0 };

        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}

/* Reads both to their ends and waits for the child's, which is when pidfd (-1: there is none) can be read.
 * -ETIME if that takes longer than until the deadline. */
static int read_all(struct readers *readers, int pidfd, uint64_t deadline_usec)
{
        struct reader *const list[] = { &readers->output, &readers->errors };
        struct pollfd polls[] = { { readers->output.fd, POLLIN, 0 },
                                  { readers->errors.fd, POLLIN, 0 },
                                  { pidfd, POLLIN, 0 } };

        while (polls[0].fd >= 0 || polls[1].fd >= 0 || polls[2].fd >= 0) {
                uint64_t now = now_usec();

                if (now >= deadline_usec) {
                        return -ETIME;
                }
                if (poll(polls, ARRAY_SIZE(polls), (int)((deadline_usec - now) / USEC_PER_MSEC) + 1) < 0) {
                        if (errno != EINTR) {
                                return -errno;
                        }
                        continue;
                }
                for (size_t i = 0; i < ARRAY_SIZE(polls); i++) {
                        if (polls[i].fd >= 0 && polls[i].revents != 0 && (i == 2 || !reader_take(list[i]))) {
                                polls[i].fd = -1;
                        }
                }
        }

        return 0;
}

/* The last line, without the "<3>" before it: the lines before that are remarks, such as that memory
 * cannot be locked. */
static void write_words(char words[static PROGRAM_WORDS_MAX], char *text, size_t length)
{
        const char *line;

        while (length > 0 && text[length - 1] == '\n') {
                length--;
        }
        text[length] = '\0';
        line = memrchr(text, '\n', length);
        line = line ? line + 1 : text;
        if (line[0] == '<' && line[1] >= '0' && line[1] <= '7' && line[2] == '>') {
                line += 3;
        }
        text_clean(words, PROGRAM_WORDS_MAX, line, /* unicode= */ true);
}

/* ---- the child ---- */

static int write_input(int fd, const char *input, size_t length)
{
        ssize_t n;

        do {
                n = write(fd, input, length);
        } while (n < 0 && errno == EINTR);

        return n < 0 ? -errno : (size_t)n == length ? 0 : -EIO;
}

/* An errno, or 0, as posix_spawn() itself. */
static int spawn_with(posix_spawn_file_actions_t *actions, struct child *child, char *const *argv)
{
        const int ends[] = {
                [STDIN_FILENO] = child->input[0],
                [STDOUT_FILENO] = child->output[1],
                [STDERR_FILENO] = child->errors[1],
        };

        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
                int error = posix_spawn_file_actions_adddup2(actions, ends[fd], fd);

                if (error != 0) {
                        return error;
                }
        }
        return posix_spawn(&child->pid, argv[0], actions, NULL, argv, environ);
}

static int spawn(struct child *child, char *const *argv)
{
        posix_spawn_file_actions_t actions;
        int error;

        error = posix_spawn_file_actions_init(&actions);
        if (error != 0) {
                return -error;
        }

        error = spawn_with(&actions, child, argv);
        (void)posix_spawn_file_actions_destroy(&actions);
        return -error;
}

static int start(struct child *child, char *const *argv, const char *input, size_t length)
{
        int r;

        if (pipe2(child->input, O_CLOEXEC) < 0 || pipe2(child->output, O_CLOEXEC) < 0 ||
            pipe2(child->errors, O_CLOEXEC) < 0) {
                return -errno;
        }

        r = input ? write_input(child->input[1], input, length) : 0;
        if (r == 0) {
                r = spawn(child, argv);
        }
        close_fd(&child->input[0]);
        close_fd(&child->input[1]);
        close_fd(&child->output[1]);
        close_fd(&child->errors[1]);
        return r;
}

static int wait_for(pid_t pid)
{
        int status;

        while (waitpid(pid, &status, 0) < 0) {
                if (errno != EINTR) {
                        return -errno;
                }
        }

        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int listen_to(const struct child *child, struct readers *readers, uint64_t deadline_usec)
{
        _cleanup_close_ int pidfd = pidfd_open(child->pid, 0);
        int r;

        r = reader_init(&readers->output, child->output[0], OUTPUT_MAX);
        if (r < 0) {
                return r;
        }
        r = reader_init(&readers->errors, child->errors[0], ERRORS_MAX);
        if (r < 0) {
                return r;
        }
        return read_all(readers, pidfd, deadline_usec);
}

/* With the child running: its words and its end. It does not outlive this. */
static int follow(const struct child *child, uint64_t deadline_usec, struct program_result *ret_result)
{
        _cleanup_(readers_clear) struct readers readers = { 0 };
        int r, code;

        r = listen_to(child, &readers, deadline_usec);
        if (r < 0) {
                (void)kill(child->pid, SIGKILL);
        }
        code = wait_for(child->pid);
        if (r < 0) {
                return r;
        }
        if (code < 0) {
                return code;
        }

        readers.output.text[readers.output.length] = '\0';
        ret_result->exit_code = code;
        ret_result->output = take_ptr(readers.output.text);
        write_words(ret_result->words, readers.errors.text, readers.errors.length);
        ret_result->errors = take_ptr(readers.errors.text);
        return 0;
}

const char *program_error(int error)
{
        return error == -ETIME ? "it did not end in time, and was killed" : strerror(-error);
}

int program_run_at(const char *path, const char *const *arguments, const void *input, size_t length,
                   uint64_t limit_usec, struct program_result *ret_result)
{
        _cleanup_(close_child) struct child child = { -1, { -1, -1 }, { -1, -1 }, { -1, -1 } };
        char *argv[ARGUMENTS_MAX + 2] = { (char *)(uintptr_t)path };
        int r;

        if (length > INPUT_MAX) {
                return -E2BIG;
        }
        for (size_t i = 0; arguments[i]; i++) {
                if (i == ARGUMENTS_MAX) {
                        return -E2BIG;
                }
                argv[i + 1] = (char *)(uintptr_t)arguments[i];
        }

        r = start(&child, argv, input, length);
        return r < 0 ? r : follow(&child, now_usec() + limit_usec, ret_result);
}

int program_run(const char *const *arguments, const void *input, size_t length, uint64_t limit_usec,
                struct program_result *ret_result)
{
        const char *with_scope[ARGUMENTS_MAX + 1] = { 0 };
        size_t n = 0;

        while (arguments[n]) {
                if (n == ARGUMENTS_MAX - 1) {
                        return -E2BIG;
                }
                with_scope[n] = arguments[n];
                n++;
        }
        with_scope[n] = scope_option();
        return program_run_at(program_path(), with_scope, input, length, limit_usec, ret_result);
}

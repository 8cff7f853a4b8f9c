/* Program: eqp-brokerd as a child. What goes in is written into a pipe before the child exists, so nobody
 * waits for anybody; a key takes this way since arguments and environments can be seen by others. */
#include "ctl/program.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl/text.h"

#define ARGUMENTS_MAX 8
#define INPUT_MAX     4096
#define OUTPUT_MAX    (1024 * 1024)
#define ERRORS_MAX    (16 * 1024)

static_assert(INPUT_MAX <= PIPE_BUF, "a pipe takes it at once");

/* What comes out of a pipe; beyond max it is read and dropped, so that the child is not held up. */
struct reader {
        int fd;
        char *text;
        size_t length, max;
};

struct child {
        pid_t pid;
        int input[2], output[2], errors[2];
};

const char *program_path(void)
{
        const char *path = secure_getenv("EQP_BROKERD");

        return path != NULL && path[0] != '\0' ? path : EQP_BROKERD_PATH;
}

void program_result_clear(struct program_result *result)
{
        free(result->output);
        *result = (struct program_result){ 0 };
}

static void close_fd(int *fd)
{
        if (*fd >= 0)
                (void)close(*fd);
        *fd = -1;
}

static void close_child(struct child *child)
{
        for (size_t i = 0; i < 2; i++) {
                close_fd(&child->input[i]);
                close_fd(&child->output[i]);
                close_fd(&child->errors[i]);
        }
}

/* reading */

static int reader_init(struct reader *ret_reader, int fd, size_t max)
{
        char *text = malloc(max + 1);

        if (text == NULL)
                return -ENOMEM;
        *ret_reader = (struct reader){ .fd = fd, .text = text, .max = max };
        return 0;
}

/* Reads what is there. False at the end. */
static bool reader_take(struct reader *reader)
{
        char overflow[512];
        bool full = reader->length == reader->max;
        ssize_t n = read(reader->fd, full ? overflow : reader->text + reader->length,
                         full ? sizeof(overflow) : reader->max - reader->length);

        if (n > 0 && !full)
                reader->length += (size_t)n;

        return n > 0 || (n < 0 && errno == EINTR);
}

static void read_all(struct reader *readers, size_t n)
{
        struct pollfd polls[2];
        size_t n_open = n;

        for (size_t i = 0; i < n; i++)
                polls[i] = (struct pollfd){ .fd = readers[i].fd, .events = POLLIN };
        while (n_open > 0) {
                if (poll(polls, n, /* timeout= */ -1) < 0 && errno != EINTR)
                        return;
                for (size_t i = 0; i < n; i++) {
                        if (polls[i].fd >= 0 && polls[i].revents != 0 && !reader_take(&readers[i])) {
                                polls[i].fd = -1;
                                n_open--;
                        }
                }
        }
}

/* The last line, without the "<3>" before it: what is said before that are remarks, such as that memory
 * cannot be locked. */
static void write_words(char words[static PROGRAM_WORDS_MAX], char *text, size_t length)
{
        const char *line;

        while (length > 0 && text[length - 1] == '\n')
                length--;
        text[length] = '\0';
        line = memrchr(text, '\n', length);
        line = line != NULL ? line + 1 : text;
        if (line[0] == '<' && line[1] >= '0' && line[1] <= '7' && line[2] == '>')
                line += 3;
        text_clean(words, PROGRAM_WORDS_MAX, line, /* unicode= */ true);
}

/* the child */

static int write_input(int fd, const char *input, size_t length)
{
        ssize_t n;

        do
                n = write(fd, input, length);
        while (n < 0 && errno == EINTR);

        return n < 0 ? -errno : (size_t)n == length ? 0 : -EIO;
}

static int spawn(struct child *child, char *const *argv)
{
        posix_spawn_file_actions_t actions;
        int error;

        error = posix_spawn_file_actions_init(&actions);
        if (error != 0)
                return -error;

        error = posix_spawn_file_actions_adddup2(&actions, child->input[0], STDIN_FILENO);
        if (error == 0)
                error = posix_spawn_file_actions_adddup2(&actions, child->output[1], STDOUT_FILENO);
        if (error == 0)
                error = posix_spawn_file_actions_adddup2(&actions, child->errors[1], STDERR_FILENO);
        if (error == 0)
                error = posix_spawn(&child->pid, argv[0], &actions, NULL, argv, environ);
        (void)posix_spawn_file_actions_destroy(&actions);
        return -error;
}

static int start(struct child *child, char *const *argv, const char *input, size_t length)
{
        int r;

        if (pipe2(child->input, O_CLOEXEC) < 0 || pipe2(child->output, O_CLOEXEC) < 0 ||
            pipe2(child->errors, O_CLOEXEC) < 0)
                return -errno;

        r = input != NULL ? write_input(child->input[1], input, length) : 0;
        if (r == 0)
                r = spawn(child, argv);
        close_fd(&child->input[0]);
        close_fd(&child->input[1]);
        close_fd(&child->output[1]);
        close_fd(&child->errors[1]);
        return r;
}

static int wait_for(pid_t pid)
{
        int status;

        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;

        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* With the child running: its words and its end. */
static int follow(const struct child *child, struct program_result *ret_result)
{
        struct reader readers[2] = { 0 };
        int r, code;

        r = reader_init(&readers[0], child->output[0], OUTPUT_MAX);
        if (r == 0)
                r = reader_init(&readers[1], child->errors[0], ERRORS_MAX);
        if (r == 0)
                read_all(readers, ARRAY_SIZE(readers));
        code = wait_for(child->pid);
        if (r == 0 && code < 0)
                r = code;
        if (r == 0) {
                readers[0].text[readers[0].length] = '\0';
                ret_result->exit_code = code;
                ret_result->output = take_ptr(readers[0].text);
                write_words(ret_result->words, readers[1].text, readers[1].length);
        }
        free(readers[0].text);
        free(readers[1].text);
        return r;
}

int program_run(const char *const *arguments, const void *input, size_t length,
                struct program_result *ret_result)
{
        _cleanup_(close_child) struct child child = { -1, { -1, -1 }, { -1, -1 }, { -1, -1 } };
        char *argv[ARGUMENTS_MAX + 2] = { (char *)(uintptr_t)program_path() };
        int r;

        if (length > INPUT_MAX)
                return -E2BIG;
        for (size_t i = 0; arguments[i] != NULL; i++) {
                if (i == ARGUMENTS_MAX)
                        return -E2BIG;
                argv[i + 1] = (char *)(uintptr_t)arguments[i];
        }

        r = start(&child, argv, input, length);
        return r < 0 ? r : follow(&child, ret_result);
}

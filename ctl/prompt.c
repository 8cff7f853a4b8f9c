/* Prompt: a line from a terminal. While the echo is off, the signals that would end or stop the program are
 * only noted: they end the wait, the terminal is put back, and then the signal is sent once more, to do what
 * it always does. They are blocked but for the wait itself, so that none comes just before it and is
 * missed. */
#include "ctl/prompt.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <strings.h>
#include <termios.h>
#include <unistd.h>

/* Not SIGTTIN and SIGTTOU: a background process is to be stopped before it touches the terminal. */
static const int noted_signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };

static volatile sig_atomic_t noted;

static void note(int number)
{
        noted = number;
}

/* The state to be restored. */
struct hold {
        struct sigaction actions[ARRAY_SIZE(noted_signals)];
        sigset_t mask;
        struct termios terminal;
        bool echo_is_off;
};

bool prompt_possible(void)
{
        return isatty(STDIN_FILENO) == 1;
}

static void hold_signals(struct hold *hold)
{
        const struct sigaction noting = { .sa_handler = note };
        sigset_t set;

        noted = 0;
        (void)sigemptyset(&set);
        for (size_t i = 0; i < ARRAY_SIZE(noted_signals); i++) {
                (void)sigaddset(&set, noted_signals[i]);
        }
        (void)sigprocmask(SIG_BLOCK, &set, &hold->mask);
        for (size_t i = 0; i < ARRAY_SIZE(noted_signals); i++) {
                (void)sigaction(noted_signals[i], NULL, &hold->actions[i]);
                if (hold->actions[i].sa_handler != SIG_IGN) {
                        (void)sigaction(noted_signals[i], &noting, NULL);
                }
        }
}

static int switch_echo_off(struct hold *hold)
{
        struct termios quiet;

        if (tcgetattr(STDIN_FILENO, &hold->terminal) < 0) {
                return -errno;
        }

        quiet = hold->terminal;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        quiet.c_lflag |= ECHONL; /* the Enter is seen */
        /* Input from before the question was typed for something else, and was seen. */
        if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) < 0) {
                return -errno;
        }

        hold->echo_is_off = true;
        return 0;
}

static void hold_end(struct hold *hold)
{
        if (hold->echo_is_off) {
                (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &hold->terminal);
        }
        for (size_t i = 0; i < ARRAY_SIZE(noted_signals); i++) {
                (void)sigaction(noted_signals[i], &hold->actions[i], NULL);
        }
        (void)sigprocmask(SIG_SETMASK, &hold->mask, NULL);
}

/* Reads up to the end of the line; byte by byte, as what follows is not ours. */
static ssize_t read_line(const struct hold *hold, char *buffer, size_t size)
{
        struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
        size_t length = 0;
        bool too_long = false;

        for (;;) {
                ssize_t n;
                char c;

                if (ppoll(&input, 1, /* timeout= */ NULL, &hold->mask) < 0) {
                        if (errno == EINTR && noted == 0) {
                                continue;
                        }
                        return -errno;
                }
                n = read(STDIN_FILENO, &c, 1);
                if (n < 0 && errno == EINTR) {
                        continue;
                }
                if (n < 0) {
                        return -errno;
                }
                if (n == 0) {
                        return -ECANCELED;
                }
                if (c == '\n') {
                        break;
                }
                if (length + 1 < size) {
                        buffer[length++] = c;
                } else {
                        too_long = true;
                }
                explicit_bzero(&c, sizeof(c));
        }

        buffer[length] = '\0';
        return too_long ? -EMSGSIZE : (ssize_t)length;
}

ssize_t prompt_line(const char *question, bool echo, char *buffer, size_t size)
{
        for (;;) {
                struct hold hold = { 0 };
                ssize_t length;
                int number;

                hold_signals(&hold);
                length = echo ? 0 : switch_echo_off(&hold);
                if (length == 0) {
                        (void)fputs(question, stderr);
                        length = read_line(&hold, buffer, size);
                }
                hold_end(&hold);
                number = noted;
                if (number == 0) {
                        return length;
                }

                (void)fputc('\n', stderr);
                explicit_bzero(buffer, size);
                (void)raise(number); /* returns after a stop, if at all */
        }
}

bool prompt_yes(const char *question)
{
        char answer[8];

        return prompt_line(question, /* echo= */ true, answer, sizeof(answer)) > 0 &&
               (strcasecmp(answer, "y") == 0 || strcasecmp(answer, "yes") == 0);
}

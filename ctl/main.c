/* eqpctl: the command line of the broker. It speaks to eqp-brokerd through libeqp-broker, as any program
 * may. */
#include "ctl/command_line.h"
#include "ctl/complain.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Tokens and keys pass through this process; a crash must not leave them on disk, nor may another process of
 * the same user look into it. Unlike a limit this ends by itself when exec runs another program. */
static void forbid_core_dumps(void)
{
        (void)prctl(PR_SET_DUMPABLE, 0);
}

/* A program that was started without standard streams must not write a message into a file that it opens
 * later. */
static bool fill_standard_streams(void)
{
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
                if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
                    open("/dev/null", O_RDWR | O_CLOEXEC) != fd) {
                        return false;
                }
        }

        return true;
}

int main(int argc, char **argv)
{
        struct options options;
        int code, written;

        forbid_core_dumps();
        if (!fill_standard_streams()) {
                return EXIT_FAILED;
        }
        (void)setlocale(LC_CTYPE, "");
        command_line_parse(&options, argc, argv);
        code = options.run(&options);
        written = finish_output();
        return code != EXIT_DONE ? code : written;
}

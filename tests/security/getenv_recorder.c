/* For LD_PRELOAD: writes each name that a library or program asks the environment for, a line each, to the
 * file that EQP_RECORD names. Questions of libc from within itself are not seen. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

static char *find(const char *name)
{
        size_t length = strlen(name);

        for (char **variable = environ; variable && *variable; variable++) {
                if (strncmp(*variable, name, length) == 0 && (*variable)[length] == '=') {
                        return *variable + length + 1;
                }
        }
        return NULL;
}

/* Opened at the first name: later, the daemon has forbidden itself to open a file for writing. -1: nothing
 * is to be recorded, as of the interpreter that some suites start the programs by. */
static int file(void)
{
        static int fd = -2;
        const char *path = find("EQP_RECORD");

        if (fd == -2) {
                bool is_theirs = strncmp(program_invocation_short_name, "python", strlen("python")) == 0;
                fd = path && !is_theirs ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666) : -1;
        }
        return fd;
}

static void record(const char *name)
{
        char line[256];
        size_t length = strnlen(name, sizeof(line) - 1);

        if (file() >= 0) {
                memcpy(line, name, length);
                line[length] = '\n';
                (void)!write(file(), line, length + 1);
        }
}

char *getenv(const char *name)
{
        record(name);
        return find(name);
}

char *secure_getenv(const char *name)
{
        record(name);
        return getauxval(AT_SECURE) ? NULL : find(name);
}

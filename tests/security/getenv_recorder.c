/* For LD_PRELOAD: writes each name that a library or program asks the environment for, a line each, to the
 * file that EQP_RECORD names. What libc asks for from within itself is not seen. */
#include <fcntl.h>
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

static void record(const char *name)
{
        const char *path = find("EQP_RECORD");
        int fd = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666) : -1;
        char line[256];
        size_t length = strnlen(name, sizeof(line) - 1);

        if (fd >= 0) {
                memcpy(line, name, length);
                line[length] = '\n';
                (void)!write(fd, line, length + 1);
                (void)close(fd);
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

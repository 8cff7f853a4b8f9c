/* A directory of groups as a name service, that may be slow, or not there yet. In /etc/directory, `delay` is
 * how many seconds an answer takes, and `group` is as that of /etc; without it, the directory is not there,
 * and `silence` is the errno by which that is told.
 */
#include <errno.h>
#include <grp.h>
#include <nss.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define PLACE "/etc/directory/"

enum nss_status _nss_directory_getgrnam_r(const char *name, struct group *group, char *texts, size_t size,
                                          int *error);

static long read_number(const char *path)
{
        FILE *file = fopen(path, "re");
        long number = 0;

        if (file) {
                (void)fscanf(file, "%ld", &number);
                (void)fclose(file);
        }
        return number;
}

static void take_time(void)
{
        struct timespec left = { .tv_sec = read_number(PLACE "delay") };

        while (nanosleep(&left, &left) < 0 && errno == EINTR) {
        }
}

enum nss_status _nss_directory_getgrnam_r(const char *name, struct group *group, char *texts, size_t size,
                                          int *error)
{
        struct group *found = NULL;
        FILE *file;

        /* Other names are none of its business, and not slow: the machine's own services start with them. */
        if (strncmp(name, "dir-", 4) != 0) {
                return NSS_STATUS_NOTFOUND;
        }
        take_time();
        file = fopen(PLACE "group", "re");
        if (!file) {
                *error = (int)read_number(PLACE "silence");
                return NSS_STATUS_UNAVAIL;
        }
        do {
                *error = fgetgrent_r(file, group, texts, size, &found);
        } while (*error == 0 && strcmp(found->gr_name, name) != 0);
        (void)fclose(file);
        return *error == 0        ? NSS_STATUS_SUCCESS
               : *error == ERANGE ? NSS_STATUS_TRYAGAIN
                                  : NSS_STATUS_NOTFOUND;
}

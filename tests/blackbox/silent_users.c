/* A user database that is partly silent, for LD_PRELOAD: of names that begin with "silent-", and of uids
 * from 54000 to 54999, it says nothing, and gives SILENT_ERRNO as the reason. */
#include <dlfcn.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static int reason(void)
{
        const char *text = getenv("SILENT_ERRNO");

        return text ? atoi(text) : ECONNREFUSED;
}

static bool is_silent_name(const char *name)
{
        return strncmp(name, "silent-", 7) == 0;
}

static bool is_silent_uid(uid_t uid)
{
        return uid / 1000 == 54;
}

int getpwnam_r(const char *name, struct passwd *entry, char *texts, size_t size, struct passwd **found)
{
        int (*real)(const char *, struct passwd *, char *, size_t, struct passwd **);

        *found = NULL;
        *(void **)&real = dlsym(RTLD_NEXT, "getpwnam_r");
        return is_silent_name(name) ? reason() : real(name, entry, texts, size, found);
}

int getgrnam_r(const char *name, struct group *entry, char *texts, size_t size, struct group **found)
{
        int (*real)(const char *, struct group *, char *, size_t, struct group **);

        *found = NULL;
        *(void **)&real = dlsym(RTLD_NEXT, "getgrnam_r");
        return is_silent_name(name) ? reason() : real(name, entry, texts, size, found);
}

int getpwuid_r(uid_t uid, struct passwd *entry, char *texts, size_t size, struct passwd **found)
{
        int (*real)(uid_t, struct passwd *, char *, size_t, struct passwd **);

        *found = NULL;
        *(void **)&real = dlsym(RTLD_NEXT, "getpwuid_r");
        return is_silent_uid(uid) ? reason() : real(uid, entry, texts, size, found);
}

struct passwd *getpwnam(const char *name)
{
        struct passwd *(*real)(const char *);

        *(void **)&real = dlsym(RTLD_NEXT, "getpwnam");
        if (is_silent_name(name)) {
                errno = reason();
                return NULL;
        }
        return real(name);
}

struct group *getgrnam(const char *name)
{
        struct group *(*real)(const char *);

        *(void **)&real = dlsym(RTLD_NEXT, "getgrnam");
        if (is_silent_name(name)) {
                errno = reason();
                return NULL;
        }
        return real(name);
}

struct passwd *getpwuid(uid_t uid)
{
        struct passwd *(*real)(uid_t);

        *(void **)&real = dlsym(RTLD_NEXT, "getpwuid");
        if (is_silent_uid(uid)) {
                errno = reason();
                return NULL;
        }
        return real(uid);
}

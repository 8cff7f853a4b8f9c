/* Key leftovers: found by name, kind, owner and age. A writer needs milliseconds, and on a slow disk
 * seconds. */
#include "ctl/key_leftovers.h"

#include "ctl/complain.h"

#include <dirent.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#define ASIDE_DIGITS 16
#define AGE_MIN_SEC  600

static int is_aside_name(const struct dirent *entry)
{
        const char *digits = entry->d_name + strlen(KEY_ASIDE_PREFIX);

        return strncmp(entry->d_name, KEY_ASIDE_PREFIX, strlen(KEY_ASIDE_PREFIX)) == 0 &&
               strlen(digits) == ASIDE_DIGITS && strspn(digits, "0123456789abcdef") == ASIDE_DIGITS;
}

static bool is_leftover(const struct key_store *store, const char *file)
{
        struct stat status;

        return fstatat(store->fd, file, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode) &&
               (status.st_mode & 07777) == 0600 &&
               (status.st_uid == 0 || status.st_uid == store->status.st_uid || status.st_uid == geteuid()) &&
               time(NULL) - status.st_mtime >= AGE_MIN_SEC;
}

static size_t walk(const struct key_store *store, bool remove)
{
        struct dirent **files = NULL;
        size_t count = 0;
        int n = 0;

        if (store->fd >= 0) {
                n = scandirat(store->fd, ".", &files, is_aside_name, alphasort);
        }
        for (int i = 0; i < n; i++) {
                if (is_leftover(store, files[i]->d_name) &&
                    (!remove || unlinkat(store->fd, files[i]->d_name, 0) == 0)) {
                        count++;
                }
                free(files[i]);
        }
        free(files);
        return count;
}

size_t key_leftovers_count(const struct key_store *store)
{
        return walk(store, /* remove= */ false);
}

void key_leftovers_remove(const struct key_store *store)
{
        size_t n = walk(store, /* remove= */ true);

        if (n > 0) {
                complain("Removed from %s the files of an earlier key set that was killed: %zu file%s.",
                         store->path, n, n > 1 ? "s" : "");
        }
}

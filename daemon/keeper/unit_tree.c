/* Looking for units among control groups, in the order of what it costs: first the folders that are units,
 * then what is below those of interest. No folder that is not a slice's is entered before its name is one of
 * interest, and what a unit calls its own folders says nothing. */
#include "daemon/keeper/unit_tree.h"

#include "lib/util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define DEPTH_MAX 16

struct walk {
        uid_t owner;
        unit_tree_names_fn names;
        void *userdata;
        struct unit_tree_wanted *wanted;
        size_t n_wanted;
        bool below; /* folders below units are looked at as well */
        unsigned n_folders;
};

static void close_folder(DIR **folder)
{
        if (*folder) {
                (void)closedir(*folder);
        }
}

/* NULL: it has gone, or is none. */
static DIR *open_folder(struct walk *walk, int parent, const char *name)
{
        _cleanup_close_ int fd = -1;

        if (walk->n_folders == UNIT_TREE_FOLDERS_MAX) {
                return NULL;
        }
        walk->n_folders++;
        fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0) {
                return NULL;
        }
        DIR *folder = fdopendir(fd);
        if (folder) {
                fd = -1; /* it is the folder's now */
        }
        return folder;
}

/* The next folder in this one. */
static const struct dirent *next_folder(DIR *folder)
{
        const struct dirent *entry;

        do {
                entry = readdir(folder);
        } while (entry &&
                 (entry->d_type != DT_DIR || streq(entry->d_name, ".") || streq(entry->d_name, "..")));
        return entry;
}

static bool ends_with(const char *name, const char *end)
{
        size_t length = strlen(name), end_length = strlen(end);

        return length > end_length && streq(name + length - end_length, end);
}

/* The kernel gives a folder of control groups the number of its group. */
static void note(struct walk *walk, const struct dirent *entry, const char *unit)
{
        for (size_t i = 0; i < walk->n_wanted; i++) {
                if (walk->wanted[i].cgroup == entry->d_ino) {
                        memcpy(walk->wanted[i].unit, unit, strlen(unit) + 1);
                }
        }
}

/* So deep, and so many of its folders, that a unit cannot keep the walk busy. */
static void look_below(struct walk *walk, int parent, const char *name, const char *unit, unsigned depth,
                       unsigned *n)
{
        _cleanup_(close_folder) DIR *folder = NULL;
        const struct dirent *entry;

        if (depth == DEPTH_MAX || *n == UNIT_TREE_BELOW_MAX) {
                return;
        }
        ++*n;
        folder = open_folder(walk, parent, name);
        while (folder && (entry = next_folder(folder))) {
                note(walk, entry, unit);
                look_below(walk, dirfd(folder), entry->d_name, unit, depth + 1, n);
        }
}

/* A name that could be a file's of the kernel has an underscore before it (systemd's cg_escape()). */
static void look_at_unit(struct walk *walk, int parent, const struct dirent *entry)
{
        const char *unit = entry->d_name + (entry->d_name[0] == '_');
        unsigned n = 0;

        if (unit_name_fault(unit, strlen(unit)) || !walk->names(unit, walk->userdata)) {
                return;
        }
        if (walk->below) {
                look_below(walk, parent, entry->d_name, unit, 0, &n);
        } else {
                note(walk, entry, unit);
        }
}

static bool belongs_to(int fd, uid_t owner)
{
        struct stat file;

        return fstat(fd, &file) == 0 && file.st_uid == owner;
}

static void look_into_slice(struct walk *walk, int parent, const char *name, unsigned depth)
{
        _cleanup_(close_folder) DIR *folder = depth < DEPTH_MAX ? open_folder(walk, parent, name) : NULL;
        const struct dirent *entry;

        if (!folder || !belongs_to(dirfd(folder), walk->owner)) {
                return;
        }
        while ((entry = next_folder(folder))) {
                bool of_users = depth == 0 && streq(entry->d_name, "user.slice");
                if (ends_with(entry->d_name, ".slice") && !of_users) {
                        look_into_slice(walk, dirfd(folder), entry->d_name, depth + 1);
                } else {
                        look_at_unit(walk, dirfd(folder), entry);
                }
        }
}

static bool is_complete(const struct walk *walk)
{
        for (size_t i = 0; i < walk->n_wanted; i++) {
                if (!*walk->wanted[i].unit) {
                        return false;
                }
        }
        return true;
}

void unit_tree_find(int root_fd, uid_t owner, unit_tree_names_fn names, void *userdata,
                    struct unit_tree_wanted *wanted, size_t n_wanted)
{
        struct walk walk = {
                .owner = owner, .names = names, .userdata = userdata, .wanted = wanted, .n_wanted = n_wanted
        };

        look_into_slice(&walk, root_fd, ".", 0);
        if (!is_complete(&walk)) {
                walk.below = true;
                walk.n_folders = 0;
                look_into_slice(&walk, root_fd, ".", 0);
        }
}

/* On a host with both versions, the second has a folder of its own. */
int unit_tree_open(void)
{
        static const char *const roots[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };

        for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
                _cleanup_close_ int fd = open(roots[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                struct statfs system;
                if (fd >= 0 && fstatfs(fd, &system) == 0 && system.f_type == CGROUP2_SUPER_MAGIC) {
                        return take_fd(fd);
                }
        }
        return -ENOENT;
}

/* Tells when a path may lead to something else.
 *
 * A path is walked name by name, as the kernel does it. Each name is a step: the directory is watched for
 * what happens to that name in it, before it is looked up, so that no change falls in between. Where it is a
 * link, the walk goes on with what the link says. It is the directory's watch that tells of a file which an
 * editor or Kubernetes replaces; a watch on the old one would be deaf. A file is watched besides, since what
 * is written to it by another name, as by the one of which it is a mount, is no news of this directory.
 *
 * A step that leads through the same directory as in the walk before keeps its watch, which costs neither a
 * descriptor nor a moment without one. */
#include "daemon/keeper/path_watch.h"

#include "lib/util.h"

#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdint.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define LINKS_MAX  40  /* in one path, as in the kernel */
#define NAMES_MAX  256 /* in one path and its links: the kernel would take more, and a while for them */
#define STEPS_MAX  1024
#define ROUNDS_MAX 3 /* how long a step stays that was not said again, while others cannot be watched */

#define NAME_EVENTS                                                                                         \
        (IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF |  \
         IN_ONLYDIR)
#define FILE_EVENTS    (NAME_EVENTS | IN_CLOSE_WRITE)
#define CONTENT_EVENTS (IN_CLOSE_WRITE | IN_ATTRIB | IN_DONT_FOLLOW)

#define ANY_NAME ""

struct path_step {
        struct path_step *next; // path_watch::first
        struct path_watch *watch;
        sd_event_source *source;
        char *directory; /* no name in it is a link; with CONTENT_EVENTS a file */
        char *name;      /* in the directory; ANY_NAME */
        uint32_t events;
        dev_t device; /* of the directory that is watched */
        ino_t inode;
        bool dead; /* that directory is no more */
        unsigned round;
};

struct path_watch {
        sd_event *event;
        path_watch_fn noticed;
        void *userdata;
        struct path_step *first;
        size_t n;
        unsigned round;
        bool silent; /* in this round: something on the way may change and nothing tells of it */
};

/* ---- steps ---- */

static struct path_step *free_step(struct path_step *step)
{
        if (step) {
                sd_event_source_disable_unref(step->source);
                free(step->directory);
                free(step->name);
                free(step);
        }
        return NULL;
}

static void free_step_p(struct path_step **step)
{
        *step = free_step(*step);
}

static int on_inotify(sd_event_source *source, const struct inotify_event *event, void *userdata)
{
        struct path_step *step = userdata;

        if (event->mask & (IN_IGNORED | IN_UNMOUNT)) {
                step->dead = true;
        } else if (event->len > 0 && *step->name && !streq(event->name, step->name)) {
                return 0; /* a neighbour */
        }
        step->watch->noticed(step->watch->userdata);
        return 0;
}

/* Watches the directory that is of that path now. */
static int watch_step(struct path_step *step, const struct stat *before)
{
        sd_event_source *source = NULL;
        struct stat after;

        int r = sd_event_add_inotify(step->watch->event, &source, step->directory, step->events, on_inotify,
                                     step);
        if (r < 0) {
                return r;
        }
        (void)sd_event_source_set_description(source, "path");
        sd_event_source_disable_unref(step->source);
        step->source = source;
        step->device = before->st_dev;
        step->inode = before->st_ino;
        /* Which of two was it? The next walk watches it again. */
        step->dead = stat(step->directory, &after) < 0 || after.st_dev != before->st_dev ||
                     after.st_ino != before->st_ino;
        return 0;
}

static int add_step(struct path_watch *watch, const char *directory, const char *name, uint32_t events,
                    const struct stat *status)
{
        _cleanup_(free_step_p) struct path_step *step = NULL;

        if (watch->n >= STEPS_MAX) {
                return -EMLINK; /* not -ENOSPC, which is the kernel's limit */
        }
        step = calloc(1, sizeof(*step));
        if (!step) {
                return -ENOMEM;
        }
        step->watch = watch;
        step->events = events;
        step->round = watch->round;
        step->directory = strdup(directory);
        step->name = strdup(name);
        if (!step->directory || !step->name) {
                return -ENOMEM;
        }
        int r = watch_step(step, status);
        if (r < 0) {
                return r;
        }
        step->next = watch->first;
        watch->first = take_ptr(step);
        watch->n++;
        return 0;
}

/* Is all that happens to this name told of as it is? */
static bool covers(const struct path_step *step, const char *directory, const char *name, uint32_t events)
{
        return (step->events & events) == events && (!*step->name || streq(step->name, name)) &&
               streq(step->directory, directory);
}

/* Where others may write past this kernel, it hears of its own programs only. */
static bool is_written_elsewhere(const char *directory)
{
        static const uint32_t types[] = {
                AFS_FS_MAGIC,     AFS_SUPER_MAGIC,  CEPH_SUPER_MAGIC, CIFS_SUPER_MAGIC,
                CODA_SUPER_MAGIC, FUSE_SUPER_MAGIC, NFS_SUPER_MAGIC,  OCFS2_SUPER_MAGIC,
                SMB2_SUPER_MAGIC, SMB_SUPER_MAGIC,  V9FS_MAGIC,
        };
        struct statfs status;

        if (statfs(directory, &status) < 0) {
                return false;
        }
        for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
                if ((uint32_t)status.f_type == types[i]) {
                        return true;
                }
        }
        return false;
}

/* A directory that is gone, or none any more, is no trouble: the step that led to it tells of it. */
static int watch_name(struct path_watch *watch, const char *directory, const char *name, uint32_t events)
{
        struct path_step *step = watch->first;
        struct stat status;
        int r;

        if (stat(directory, &status) < 0) {
                return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
        }
        watch->silent = watch->silent || is_written_elsewhere(directory);
        while (step && !covers(step, directory, name, events)) {
                step = step->next;
        }
        if (!step) {
                r = add_step(watch, directory, name, events, &status);
        } else {
                bool same = !step->dead && step->device == status.st_dev && step->inode == status.st_ino;
                step->round = watch->round;
                r = same ? 0 : watch_step(step, &status);
        }
        return r == -ENOENT || r == -ENOTDIR ? 0 : r;
}

/* ---- the walk ---- */

struct walk {
        char at[PATH_MAX];   /* a directory, without links */
        char rest[PATH_MAX]; /* of the path, to be walked from there */
        char name[NAME_MAX + 1];
        unsigned links;
};

/* ret = a/b; -ENAMETOOLONG. */
static int join(char ret[static PATH_MAX], const char *a, const char *b)
{
        size_t a_length = strlen(a), b_length = strlen(b);
        bool slash = a_length > 0 && a[a_length - 1] != '/';

        if (a_length + slash + b_length >= PATH_MAX) {
                return -ENAMETOOLONG;
        }
        memcpy(ret, a, a_length);
        if (slash) {
                ret[a_length] = '/';
        }
        memcpy(ret + a_length + slash, b, b_length + 1);
        return 0;
}

static void go_up(struct walk *walk)
{
        char *slash = strrchr(walk->at, '/');

        if (slash) {
                slash[slash == walk->at] = '\0';
        }
}

/* Takes the next name off the rest. 0: there is none; -ENAMETOOLONG. */
static int next_name(struct walk *walk)
{
        const char *from = walk->rest + strspn(walk->rest, "/");
        size_t length = strcspn(from, "/");

        if (length > NAME_MAX) {
                return -ENAMETOOLONG;
        }
        memcpy(walk->name, from, length);
        walk->name[length] = '\0';
        from += length;
        from += strspn(from, "/");
        memmove(walk->rest, from, strlen(from) + 1);
        return length > 0;
}

/* Goes on with what the link says. */
static int follow(struct walk *walk, const char *target)
{
        char rest[PATH_MAX];

        if (++walk->links > LINKS_MAX) {
                return -ELOOP;
        }
        int r = join(rest, target, walk->rest);
        if (r < 0) {
                return r;
        }
        if (*target == '/') {
                memcpy(walk->at, "/", 2);
        }
        memcpy(walk->rest, rest, strlen(rest) + 1);
        return 0;
}

/* Through the name at which the walk is. */
static int pass(struct walk *walk)
{
        char path[PATH_MAX], target[PATH_MAX];

        int r = join(path, walk->at, walk->name);
        if (r < 0) {
                return r;
        }
        ssize_t length = readlink(path, target, sizeof(target) - 1);
        if (length >= 0) {
                target[length] = '\0';
                return follow(walk, target);
        }
        if (errno != EINVAL) {
                return -errno;
        }
        memcpy(walk->at, path, strlen(path) + 1); /* no link */
        return 0;
}

/* Where the walk cannot go on for this, the daemon cannot either, and is told when that changes. */
static bool is_told_of(int error)
{
        return error == -ENOENT || error == -ENOTDIR || error == -EACCES || error == -ELOOP;
}

static int watch_walk(struct path_watch *watch, struct walk *walk, bool to_file)
{
        int trouble = 0, r;

        for (unsigned n = 0; (r = next_name(walk)) > 0; n++) {
                bool last = to_file && !*walk->rest;
                if (streq(walk->name, ".")) {
                        continue;
                }
                if (streq(walk->name, "..")) {
                        go_up(walk);
                        continue;
                }
                r = watch_name(watch, walk->at, walk->name, last ? FILE_EVENTS : NAME_EVENTS);
                trouble = trouble < 0 ? trouble : r;
                r = n < NAMES_MAX ? pass(walk) : -EMLINK;
                if (r < 0) {
                        return trouble < 0 || is_told_of(r) ? trouble : r;
                }
        }
        if (r < 0) {
                return trouble < 0 ? trouble : r;
        }
        r = watch_name(watch, walk->at, ANY_NAME, to_file ? CONTENT_EVENTS : FILE_EVENTS);
        if (to_file && r == -EACCES) {
                r = 0; /* nothing is read from it */
        }
        return trouble < 0 ? trouble : r;
}

int path_watch_directory(struct path_watch *watch, const char *path)
{
        struct walk walk = { .at = "/" };

        int r = join(walk.rest, path, "");
        return r < 0 ? r : watch_walk(watch, &walk, /* to_file= */ false);
}

int path_watch_file(struct path_watch *watch, const char *directory, const char *name)
{
        struct walk walk = { .at = "/" };

        int r = join(walk.rest, directory, name);
        return r < 0 ? r : watch_walk(watch, &walk, /* to_file= */ true);
}

/* ---- life ---- */

void path_watch_begin(struct path_watch *watch)
{
        watch->round++;
        watch->silent = false;
}

bool path_watch_is_silent(const struct path_watch *watch)
{
        return watch->silent;
}

/* With trouble, what cannot be said again may still be of use, for a while. */
static bool is_over(const struct path_step *step, unsigned round, bool trouble)
{
        return step->round != round && (!trouble || step->dead || round - step->round >= ROUNDS_MAX);
}

void path_watch_end(struct path_watch *watch, bool trouble)
{
        for (struct path_step **link = &watch->first; *link;) {
                struct path_step *step = *link;
                if (is_over(step, watch->round, trouble)) {
                        *link = step->next;
                        (void)free_step(step);
                        watch->n--;
                } else {
                        link = &step->next;
                }
        }
}

int path_watch_new(struct path_watch **ret, sd_event *event, path_watch_fn noticed, void *userdata)
{
        struct path_watch *watch = calloc(1, sizeof(*watch));

        if (!watch) {
                return -ENOMEM;
        }
        watch->event = sd_event_ref(event);
        watch->noticed = noticed;
        watch->userdata = userdata;
        *ret = watch;
        return 0;
}

struct path_watch *path_watch_free(struct path_watch *watch)
{
        if (watch) {
                path_watch_begin(watch);
                path_watch_end(watch, /* trouble= */ false);
                sd_event_unref(watch->event);
                free(watch);
        }
        return NULL;
}

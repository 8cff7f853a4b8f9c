/* Tells when a directory's files change.
 *
 * The watch is on the directory, never on a file: an editor or Kubernetes replaces files, and a watch on the
 * old one would be deaf. A copy makes several events, hence the short wait before the directory is read. */
#include "daemon/keeper/key_watch.h"

#include "daemon/base/journal.h"
#include "daemon/base/timer.h"
#include "lib/util.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define QUIET_USEC (50 * USEC_PER_MSEC)
#define RETRY_USEC (5 * USEC_PER_SEC)

#define ATTEMPTS_MAX 16

#define FILE_EVENTS                                                                                         \
        (IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB |                 \
         IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
#define PARENT_EVENTS (IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

struct key_watch {
        sd_event *event;
        sd_event_source *inotify;
        sd_event_source *quiet;
        key_watch_fn changed;
        void *userdata;
};

static int on_quiet(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct key_watch *watch = userdata;

        watch->changed(watch->userdata);
        return 0;
}

static void look_in(struct key_watch *watch, uint64_t wait_usec)
{
        timer_start_in(watch->quiet, wait_usec);
}

static int on_inotify(sd_event_source *source, const struct inotify_event *event, void *userdata)
{
        struct key_watch *watch = userdata;

        if (event->mask & IN_IGNORED) {
                return 0; /* the watch was taken away; what led to it was told before */
        }
        /* Each event starts the wait again only if none runs: endless writing must not put reading off for
         * ever. */
        int enabled = SD_EVENT_OFF;
        if (sd_event_source_get_enabled(watch->quiet, &enabled) < 0 || enabled == SD_EVENT_OFF) {
                look_in(watch, QUIET_USEC);
        }
        return 0;
}

bool key_watch_retry(struct key_watch *watch, int error)
{
        bool passes = error < 0 && (error == -EAGAIN || is_shortage(-error));

        if (passes) {
                look_in(watch, RETRY_USEC);
        }
        return passes;
}

/* Cuts the last part of a path off, in place. False: there is nothing above it. */
static bool go_up(char *path)
{
        char *slash = strrchr(path, '/');

        if (!slash || path[1] == '\0') {
                return false;
        }
        slash[slash == path] = '\0';
        return true;
}

/* Watches the directory, or the nearest one above it that exists. What is made just then, below the one that
 * is watched, would never be told of: so it is looked for again, until there is nothing. */
static int add_watch(struct key_watch *watch, const char *path, sd_event_source **ret)
{
        char above[PATH_MAX], below[PATH_MAX];
        int r = -EAGAIN;

        if (strlen(path) >= sizeof(above)) {
                return -ENAMETOOLONG;
        }
        for (int attempt = 0; r == -EAGAIN && attempt < ATTEMPTS_MAX; attempt++) {
                r = sd_event_add_inotify(watch->event, ret, path, FILE_EVENTS, on_inotify, watch);
                memcpy(above, path, strlen(path) + 1);
                memcpy(below, path, strlen(path) + 1);
                while (r == -ENOENT && go_up(above)) {
                        r = sd_event_add_inotify(watch->event, ret, above, PARENT_EVENTS, on_inotify, watch);
                        if (r >= 0 && access(below, F_OK) == 0) {
                                *ret = sd_event_source_disable_unref(*ret);
                                r = -EAGAIN;
                        }
                        memcpy(below, above, strlen(above) + 1);
                }
        }
        return r;
}

void key_watch_directory(struct key_watch *watch, const char *path)
{
        sd_event_source *source = NULL;
        int r = add_watch(watch, path, &source);

        if (key_watch_retry(watch, r)) {
                return; /* the watch there was, if any, stays meanwhile */
        }
        if (r < 0) {
                journal_say(&(struct journal_record){ .priority = LOG_WARNING },
                            "cannot watch %s: %s; send SIGHUP after changing keys", path, strerror(-r));
        }
        sd_event_source_disable_unref(watch->inotify);
        watch->inotify = source;
        if (source) {
                (void)sd_event_source_set_description(source, "key files");
        }
}

static void free_watch(struct key_watch **watch)
{
        *watch = key_watch_free(*watch);
}

int key_watch_new(struct key_watch **ret, sd_event *event, key_watch_fn changed, void *userdata)
{
        _cleanup_(free_watch) struct key_watch *watch = calloc(1, sizeof(*watch));
        if (!watch) {
                return -ENOMEM;
        }
        watch->event = sd_event_ref(event);
        watch->changed = changed;
        watch->userdata = userdata;
        int r = timer_new(&watch->quiet, event, CLOCK_MONOTONIC, on_quiet, watch, "key files quiet");
        if (r < 0) {
                return r;
        }
        *ret = take_ptr(watch);
        return 0;
}

struct key_watch *key_watch_free(struct key_watch *watch)
{
        if (watch) {
                sd_event_source_disable_unref(watch->inotify);
                sd_event_source_disable_unref(watch->quiet);
                sd_event_unref(watch->event);
                free(watch);
        }
        return NULL;
}

/* Tells when key files may have changed.
 *
 * A copy makes several events, hence the short wait before the files are read. Mounts tell of themselves
 * elsewhere than names do, and come in greater bursts. Files of which no event comes are to be read again
 * every now and then. */
#include "daemon/keeper/key_watch.h"

#include "daemon/base/journal.h"
#include "daemon/base/timer.h"
#include "daemon/keeper/path_watch.h"
#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define QUIET_USEC  (50 * USEC_PER_MSEC)
#define MOUNTS_USEC USEC_PER_SEC
#define RETRY_USEC  (5 * USEC_PER_SEC)
#define POLL_USEC   (30 * USEC_PER_SEC)

struct key_watch {
        sd_event *event;
        struct path_watch *paths;
        sd_event_source *mounts; /* NULL: not watched yet */
        sd_event_source *quiet;
        sd_event_source *again;
        key_watch_fn changed;
        void *userdata;
        int trouble;  /* since the beginning of the reading: the first error, negative; 0 */
        bool retried; /* since then: `again` is set */
        bool warned;
};

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct key_watch *watch = userdata;

        watch->changed(watch->userdata);
        return 0;
}

/* Each event starts the wait again only if none runs: endless writing must not put reading off for ever. */
static void look_in(struct key_watch *watch, uint64_t wait_usec)
{
        int enabled = SD_EVENT_OFF;

        if (sd_event_source_get_enabled(watch->quiet, &enabled) < 0 || enabled == SD_EVENT_OFF) {
                timer_start_in(watch->quiet, wait_usec);
        }
}

static void on_path(void *userdata)
{
        look_in(userdata, QUIET_USEC);
}

static int on_mounts(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        look_in(userdata, MOUNTS_USEC);
        return 0;
}

bool key_watch_retry(struct key_watch *watch, int error)
{
        bool passes = error < 0 && (error == -EAGAIN || is_shortage(-error));

        if (passes) {
                watch->retried = true;
                timer_start_in(watch->again, RETRY_USEC);
        }
        return passes;
}

static void note_trouble(struct key_watch *watch, int error)
{
        if (error < 0 && watch->trouble == 0) {
                watch->trouble = error;
        }
}

/* The kernel tells of a change in the list of mounts as of an error; the list need not be read. */
static int watch_mounts(struct key_watch *watch)
{
        if (watch->mounts) {
                return 0;
        }
        _cleanup_close_ int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
                return -errno;
        }
        int r = sd_event_add_io(watch->event, &watch->mounts, fd, EPOLLPRI, on_mounts, watch);
        if (r < 0) {
                return r;
        }
        (void)sd_event_source_set_description(watch->mounts, "mounts");
        (void)sd_event_source_set_io_fd_own(watch->mounts, true);
        fd = -1;
        return 0;
}

void key_watch_begin(struct key_watch *watch, const char *directory)
{
        watch->trouble = 0;
        watch->retried = false;
        timer_stop(watch->again);
        path_watch_begin(watch->paths);
        note_trouble(watch, watch_mounts(watch)); /* first: a mount in between is seen */
        note_trouble(watch, path_watch_directory(watch->paths, directory));
}

void key_watch_file(struct key_watch *watch, const char *directory, const char *name)
{
        note_trouble(watch, path_watch_file(watch->paths, directory, name));
}

static void warn(const struct key_watch *watch, const char *directory)
{
        const struct journal_record record = { .priority = LOG_WARNING };
        int period_sec = (int)((watch->retried ? RETRY_USEC : POLL_USEC) / USEC_PER_SEC);

        if (watch->trouble == 0) {
                journal_say(
                        &record,
                        "the keys in %s are on a file system that does not report changes made elsewhere: "
                        "they are read again every %d s, and on SIGHUP",
                        directory, period_sec);
                return;
        }
        journal_say(
                &record,
                "cannot watch all that leads to the keys in %s: %s%s; they are read again every %d s until "
                "it can be watched, and on SIGHUP",
                directory, strerror(-watch->trouble),
                watch->trouble == -ENOSPC ? " (see the limit fs.inotify.max_user_watches)" : "", period_sec);
}

bool key_watch_is_sure(const struct key_watch *watch)
{
        return watch->trouble == 0 && !path_watch_is_silent(watch->paths);
}

void key_watch_end(struct key_watch *watch, const char *directory)
{
        bool sure = key_watch_is_sure(watch);

        path_watch_end(watch->paths, /* trouble= */ watch->trouble < 0);
        if (!sure && !key_watch_retry(watch, watch->trouble) && !watch->retried) {
                timer_start_in(watch->again, POLL_USEC);
        }
        if (!sure && !watch->warned) {
                warn(watch, directory);
        }
        if (sure && watch->warned) {
                journal_say(&(struct journal_record){ .priority = LOG_INFO },
                            "the keys in %s are watched again", directory);
        }
        watch->warned = !sure;
}

/* ---- life ---- */

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
        int r = timer_new(&watch->quiet, event, CLOCK_MONOTONIC, on_time, watch, "key files quiet");
        if (r < 0) {
                return r;
        }
        r = timer_new(&watch->again, event, CLOCK_MONOTONIC, on_time, watch, "key files again");
        if (r < 0) {
                return r;
        }
        r = path_watch_new(&watch->paths, event, on_path, watch);
        if (r < 0) {
                return r;
        }
        *ret = take_ptr(watch);
        return 0;
}

struct key_watch *key_watch_free(struct key_watch *watch)
{
        if (watch) {
                watch->paths = path_watch_free(watch->paths);
                sd_event_source_disable_unref(watch->mounts);
                sd_event_source_disable_unref(watch->quiet);
                sd_event_source_disable_unref(watch->again);
                sd_event_unref(watch->event);
                free(watch);
        }
        return NULL;
}

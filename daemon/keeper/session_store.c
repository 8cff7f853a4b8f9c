/* The service manager's store for what is to survive a restart.
 *
 * The manager handles what it is told in order, and a descriptor that was sent is its own: so nothing has to
 * be waited for, neither between two messages nor before ours is closed. */
#include "daemon/keeper/session_store.h"

#include "daemon/base/journal.h"
#include "daemon/keeper/notify.h"
#include "lib/secret.h"
#include "lib/util.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

#define NAME_MAX_LENGTH 31

static const char *name_of(const struct session_store *store, uint64_t number,
                           char buffer[static NAME_MAX_LENGTH + 1])
{
        (void)snprintf(buffer, NAME_MAX_LENGTH + 1, "%s-%" PRIu64, store->series->name, number);
        return buffer;
}

static int let_go(const char *name)
{
        return notify(-1, "FDSTOREREMOVE=1\nFDNAME=%s", name);
}

/* ---- while we run ---- */

int session_store_settle(struct session_store *store)
{
        uint64_t end = store->current.text ? store->number : store->number + 1;
        char name[NAME_MAX_LENGTH + 1];

        while (store->oldest < end) {
                if (let_go(name_of(store, store->oldest, name)) == -EAGAIN) {
                        return -EAGAIN;
                }
                store->oldest++;
        }
        return 0;
}

/* News that the manager has no room for now are sent the next time. */
void session_store_drop(struct session_store *store)
{
        session_snapshot_clear(&store->current);
        (void)session_store_settle(store);
}

bool session_store_has(const struct session_store *store, const char *text, size_t length)
{
        const struct session_snapshot *current = &store->current;
        return current->text && current->length == length && secret_equal(current->text, text, length);
}

static int push(const struct session_store *store, uint64_t number, int fd)
{
        char name[NAME_MAX_LENGTH + 1];

        /* FDPOLL=0: a memfd is always readable, there is nothing to watch. */
        return notify(fd, "FDSTORE=1\nFDNAME=%s\nFDPOLL=0", name_of(store, number, name));
}

int session_store_next(struct session_store *store, uint64_t *ret)
{
        if (store->number >= SAVED_NUMBER_MAX) {
                session_store_drop(store);
                if (store->oldest <= store->number) {
                        return -EAGAIN;
                }
                store->number = 0;
                store->oldest = 1;
        }
        *ret = store->number + 1;
        return 0;
}

int session_store_put(struct session_store *store, const char *text, size_t length)
{
        struct session_snapshot new = { 0 };
        _cleanup_close_ int fd = session_snapshot_make(&new, store->series->name, text, length);

        if (fd < 0) {
                return fd;
        }
        int r = push(store, store->number + 1, fd);
        if (r < 0) {
                session_snapshot_clear(&new);
                return r;
        }
        session_store_drop(store);
        store->current = new;
        store->number++;
        return 0;
}

/* ---- at start ---- */

/* The unit tells it where it hides the file that we would read. "" if it cannot be known. */
static void find_boot_id(char ret[static SAVED_BOOT_ID_LENGTH + 1])
{
        const char *told = getenv("EQP_BROKER_BOOT_ID");
        sd_id128_t id;
        int r = told ? sd_id128_from_string(told, &id) : sd_id128_get_boot(&id);

        if (r < 0) {
                *ret = '\0';
                return;
        }
        (void)sd_id128_to_string(id, ret);
}

/* NULL, or why it is not to be used. */
static const char *unfit(const struct session_store *store, uint64_t number, const char *boot_id,
                         const char *name)
{
        char right_name[NAME_MAX_LENGTH + 1];

        if (!streq(name_of(store, number, right_name), name)) {
                return "its content does not fit its name";
        }
        if (!*store->boot_id) {
                return "this boot's ID is not known, it may be of another one";
        }
        return streq(boot_id, store->boot_id) ? NULL : "it is of another boot";
}

/* Reads one; NULL with *reterr_why if it is not to be used. */
static void *read_kept(const struct session_store *store, int fd, const char *name,
                       struct session_snapshot *ret_snapshot, uint64_t *ret_number, const char **reterr_why)
{
        const struct store_series *series = store->series;
        struct session_snapshot snapshot = { 0 };
        const char *boot_id;
        void *kept = NULL;

        if (session_snapshot_open(&snapshot, fd, series->text_max, reterr_why) < 0) {
                return NULL;
        }
        if (series->parse(snapshot.text, snapshot.length, &kept, ret_number, &boot_id, reterr_why) >= 0) {
                *reterr_why = unfit(store, *ret_number, boot_id, name);
                if (!*reterr_why) {
                        *ret_snapshot = snapshot;
                        return kept;
                }
        }
        session_snapshot_clear(&snapshot);
        series->free(kept);
        return NULL;
}

static void take(struct session_store *store, int fd, const char *name, void **kept)
{
        struct session_snapshot snapshot = { 0 };
        uint64_t number = 0;
        const char *why = NULL;
        void *new = read_kept(store, fd, name, &snapshot, &number, &why);

        if (!new) {
                journal_say(&(struct journal_record){ .priority = LOG_NOTICE, .id = EVENT_SESSIONS_DROPPED },
                            "the data that the service manager kept as %s is dropped: %s", name, why);
                (void)let_go(name);
        } else if (number > store->number) {
                session_store_drop(store); /* an older one */
                store->series->free(*kept);
                *kept = new;
                store->current = snapshot;
                store->number = store->oldest = number;
        } else {
                if (number < store->number) {
                        (void)let_go(name);
                }
                session_snapshot_clear(&snapshot);
                store->series->free(new);
        }
}

/* Only newer managers say how many they keep. */
static bool has_room(const struct store_series *series)
{
        const char *most = getenv("FDSTORE");

        return getenv("NOTIFY_SOCKET") && (!most || strtoul(most, NULL, 10) >= series->n_needed);
}

void session_store_init(struct session_store *store, const struct store_series *series,
                        struct passed_sockets *passed, void **ret_kept)
{
        *store = (struct session_store){ .series = series, .oldest = 1 };
        *ret_kept = NULL;
        if (!has_room(series)) {
                return;
        }
        find_boot_id(store->boot_id);
        for (size_t i = 0; i < passed->n_kept; i++) {
                if (strncmp(passed->kept_names[i], series->name, strlen(series->name)) == 0) {
                        _cleanup_close_ int fd = take_fd(passed->kept[i]);
                        take(store, fd, passed->kept_names[i], ret_kept);
                }
        }
        store->usable = *store->boot_id != '\0';
}

void session_store_clear(struct session_store *store)
{
        session_snapshot_clear(&store->current);
}

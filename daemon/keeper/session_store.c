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

static const char *name_of(uint64_t number, char buffer[static NAME_MAX_LENGTH + 1])
{
        (void)snprintf(buffer, NAME_MAX_LENGTH + 1, "sessions-%" PRIu64, number);
        return buffer;
}

static int let_go(const char *name)
{
        return notify(-1, "FDSTOREREMOVE=1\nFDNAME=%s", name);
}

/* ---- while we run ---- */

/* What the manager has no room to hear of now, it is told the next time. */
void session_store_drop(struct session_store *store)
{
        char name[NAME_MAX_LENGTH + 1];

        while (store->oldest <= store->number && let_go(name_of(store->oldest, name)) != -EAGAIN) {
                store->oldest++;
        }
        session_snapshot_clear(&store->current);
}

bool session_store_has(const struct session_store *store, const char *text, size_t length)
{
        const struct session_snapshot *current = &store->current;
        return current->text && current->length == length && secret_equal(current->text, text, length);
}

static int push(uint64_t number, int fd)
{
        char name[NAME_MAX_LENGTH + 1];

        /* FDPOLL=0: a memfd is always readable, there is nothing to watch. */
        return notify(fd, "FDSTORE=1\nFDNAME=%s\nFDPOLL=0", name_of(number, name));
}

int session_store_put(struct session_store *store, const char *text, size_t length)
{
        struct session_snapshot new = { 0 };
        _cleanup_close_ int fd = session_snapshot_make(&new, text, length);

        if (fd < 0) {
                return fd;
        }
        int r = push(store->number + 1, fd);
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
static const char *unfit(const struct session_store *store, const struct saved_sessions *kept,
                         const char *name)
{
        char right_name[NAME_MAX_LENGTH + 1];

        if (!streq(name_of(kept->number, right_name), name)) {
                return "it is not what its name says";
        }
        if (!*store->boot_id) {
                return "this boot's ID is not known, it may be of another one";
        }
        return streq(kept->boot_id, store->boot_id) ? NULL : "it is of another boot";
}

/* Reads one; NULL with *reterr_why if it is not to be used. */
static struct saved_sessions *read_kept(const struct session_store *store, int fd, const char *name,
                                        struct session_snapshot *ret_snapshot, const char **reterr_why)
{
        struct session_snapshot snapshot = { 0 };
        struct saved_sessions *kept = NULL;

        if (session_snapshot_open(&snapshot, fd, reterr_why) < 0) {
                return NULL;
        }
        if (saved_sessions_parse(snapshot.text, snapshot.length, &kept, reterr_why) >= 0) {
                *reterr_why = unfit(store, kept, name);
                if (!*reterr_why) {
                        *ret_snapshot = snapshot;
                        return kept;
                }
        }
        session_snapshot_clear(&snapshot);
        return saved_sessions_free(kept);
}

static void take(struct session_store *store, int fd, const char *name, struct saved_sessions **kept)
{
        struct session_snapshot snapshot = { 0 };
        const char *why = NULL;
        struct saved_sessions *new = read_kept(store, fd, name, &snapshot, &why);

        if (!new) {
                journal_say(&(struct journal_record){ .priority = LOG_NOTICE, .id = EVENT_SESSIONS_DROPPED },
                            "the sessions that the service manager kept as %s are dropped: %s", name, why);
                (void)let_go(name);
        } else if (new->number > store->number) {
                session_store_drop(store); /* an older one */
                (void)saved_sessions_free(*kept);
                *kept = new;
                store->current = snapshot;
                store->number = store->oldest = new->number;
        } else {
                if (new->number < store->number) {
                        (void)let_go(name);
                }
                session_snapshot_clear(&snapshot);
                (void)saved_sessions_free(new);
        }
}

void session_store_init(struct session_store *store, struct passed_sockets *passed,
                        struct saved_sessions **ret_kept)
{
        const char *most = getenv("FDSTORE"); /* how many; only newer managers say */

        *store = (struct session_store){ .oldest = 1 };
        *ret_kept = NULL;
        if (!getenv("NOTIFY_SOCKET") || (most && streq(most, "0"))) {
                return;
        }
        find_boot_id(store->boot_id);
        for (size_t i = 0; i < passed->n_sessions; i++) {
                _cleanup_close_ int fd = take_fd(passed->sessions[i]);
                take(store, fd, passed->session_names[i], ret_kept);
        }
        store->usable = *store->boot_id != '\0';
}

void session_store_clear(struct session_store *store)
{
        session_snapshot_clear(&store->current);
}

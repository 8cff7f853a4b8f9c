/* The forwarder as a process: its objects, what it takes away from itself, and its loop. */
#include "daemon/forwarder/forwarder.h"

#include "daemon/base/child.h"
#include "daemon/base/clock.h"
#include "daemon/base/confinement.h"
#include "daemon/base/event_loop.h"
#include "daemon/base/exit_code.h"
#include "daemon/base/journal.h"
#include "daemon/base/process.h"
#include "daemon/base/timer.h"
#include "daemon/forwarder/forwarder_objects.h"
#include "lib/message.h"
#include "lib/util.h"

#include <curl/curl.h>
#include <errno.h>
#include <malloc.h>
#include <time.h>

#define QUEUE_MAX       (256 * 1024) /* bytes of log that may wait for the keeper */
#define LAST_WORDS_MSEC 200

/* ---- objects ---- */

static void on_keeper_gone(void *userdata)
{
        struct forwarder *forwarder = userdata;
        (void)sd_event_exit(forwarder->event, 0);
}

/* How often it is looked up again is the keeper's business. */
static void on_stale(const char *environment, void *userdata)
{
        struct forwarder *forwarder = userdata;
        struct message_upstream_name message;

        memset(&message, 0, sizeof(message));
        message.type = MESSAGE_STALE;
        message_set_text(message.environment, sizeof(message.environment), environment);
        (void)channel_send(forwarder->keeper, &message, sizeof(message), -1);
}

static void on_lane_end(unsigned id, bool broken, void *userdata)
{
        if (broken) {
                journal_say(&(struct journal_record){ .priority = LOG_ERR },
                            "the frontend sent nonsense: lane %u is closed", id);
        }
}

static int on_patience(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct forwarder *forwarder = userdata;

        journal_say(&(struct journal_record){ .priority = LOG_WARNING },
                    "requests that are still being carried are cut off: %zu",
                    carrier_n_requests(forwarder->carrier));
        return sd_event_exit(forwarder->event, 0);
}

static int build(struct forwarder *forwarder)
{
        const struct channel_handlers handlers = { forwarder_on_message, on_keeper_gone, forwarder };
        const struct carrier_handlers carrying = { on_stale, on_lane_end, forwarder };

        int r = sd_event_default(&forwarder->event);
        if (r < 0) {
                return r;
        }
        r = channel_new(&forwarder->keeper, forwarder->event, CHILD_CHANNEL_FD, MESSAGE_SIZE_MAX, QUEUE_MAX,
                        &handlers);
        if (r < 0) {
                return r;
        }
        journal_pass_to(child_pass_record, forwarder->keeper);
        r = timer_new(&forwarder->patience, forwarder->event, CLOCK_MONOTONIC, on_patience, forwarder,
                      "the end of patience");
        if (r < 0) {
                return r;
        }
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
                return -ENOTRECOVERABLE;
        }
        return carrier_new(&forwarder->carrier, forwarder->event, &carrying);
}

static void clear(struct forwarder *forwarder)
{
        forwarder->carrier = carrier_free(forwarder->carrier);
        forwarder->patience = sd_event_source_disable_unref(forwarder->patience);
        if (forwarder->keeper) {
                channel_settle(forwarder->keeper, LAST_WORDS_MSEC);
        }
        journal_pass_to(NULL, NULL);
        forwarder->keeper = channel_free(forwarder->keeper);
        forwarder->event = sd_event_unref(forwarder->event);
        curl_global_cleanup();
}

/* ---- the process ---- */

/* libcurl has some tens of KiB of buffers for each request. Given back at the end of each batch, they would
 * be taken anew, page by page, with the next one. */
#define HEAP_KEPT (1024 * 1024)

/* Files that libraries read at their first use are read now; those under libcurl have done so in
 * curl_global_init() and carrier_new(). */
static void warm_up(void)
{
        char text[CLOCK_TEXT_MAX];

        tzset();
        (void)clock_format_utc(clock_now_usec(), text);
}

static int confine(struct forwarder *forwarder)
{
        struct message_confined confined;

        memset(&confined, 0, sizeof(confined));
        confined.type = MESSAGE_CONFINED;
        int r = confine_forwarder(&confined.confinement);
        (void)malloc_trim(0); /* of what making the filter took */
        (void)mallopt(M_TRIM_THRESHOLD, HEAP_KEPT);
        return r < 0 ? r : channel_send(forwarder->keeper, &confined, sizeof(confined), -1);
}

static int run(struct forwarder *forwarder)
{
        int r = build(forwarder);
        if (r < 0) {
                return r;
        }
        process_harden();
        warm_up();
        r = confine(forwarder);
        if (r < 0) {
                return r;
        }
        return event_loop_run(forwarder->event);
}

int forwarder_run(void)
{
        struct forwarder forwarder = { 0 };

        if (!child_has_keeper("--forwarder")) {
                return BROKER_EXIT_CONFIGURATION;
        }
        child_begin_life("eqp-forwarder");
        int r = run(&forwarder);
        if (r < 0) {
                journal_say(&(struct journal_record){ .priority = LOG_ERR }, "the forwarder ends: %s",
                            strerror(-r));
        }
        clear(&forwarder);
        return r < 0 ? BROKER_EXIT_INTERNAL : r;
}

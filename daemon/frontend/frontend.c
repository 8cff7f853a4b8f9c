/* The frontend as a process: its objects, what it takes away from itself, and its loop. */
#include "daemon/frontend/frontend.h"

#include "daemon/base/child.h"
#include "daemon/base/clock.h"
#include "daemon/base/confinement.h"
#include "daemon/base/event_loop.h"
#include "daemon/base/exit_code.h"
#include "daemon/base/journal.h"
#include "daemon/base/process.h"
#include "daemon/frontend/frontend_objects.h"
#include "lib/util.h"

#include <errno.h>
#include <json-c/json.h>
#include <malloc.h>
#include <time.h>
#include <unistd.h>

#define QUEUE_MAX       (2 * 1024 * 1024) /* bytes of questions and log that may wait for the keeper */
#define LAST_WORDS_MSEC 200

/* ---- objects ---- */

static void on_keeper_gone(void *userdata)
{
        struct frontend *frontend = userdata;
        (void)sd_event_exit(frontend->event, 0);
}

static int build(struct frontend *frontend)
{
        const struct channel_handlers handlers = { told_on_message, on_keeper_gone, frontend };
        const struct http_limits none = { 0 }; /* until the settings come */
        int r = sd_event_default(&frontend->event);
        if (r < 0) {
                return r;
        }
        r = channel_new(&frontend->keeper.channel, frontend->event, CHILD_CHANNEL_FD, MESSAGE_SIZE_MAX,
                        QUEUE_MAX, &handlers);
        if (r < 0) {
                return r;
        }
        journal_pass_to(child_pass_record, frontend->keeper.channel);
        frontend->sides = (struct sides){ &keeper_link_calls, &frontend->keeper };
        known_init(&frontend->known, &frontend->sides);
        r = audit_new(&frontend->audit);
        if (r < 0) {
                return r;
        }
        frontend->api.known = &frontend->known;
        r = gateway_new(&frontend->gateway, frontend->event, &frontend->api);
        if (r < 0) {
                return r;
        }
        const struct http_handler handler = { .on_request = api_on_request,
                                              .is_early = gateway_is_early,
                                              .userdata = &frontend->api };
        r = http_server_new(&frontend->server, frontend->event, &none, &handler);
        if (r < 0) {
                return r;
        }
        frontend->api.audit = frontend->audit;
        frontend->api.server = frontend->server;
        return 0;
}

static void clear(struct frontend *frontend)
{
        frontend->credentials = credential_source_free(frontend->credentials);
        for (size_t i = 0; i < ARRAY_SIZE(frontend->listeners); i++) {
                frontend->listeners[i] = listener_free(frontend->listeners[i]);
        }
        frontend->server = http_server_free(frontend->server);
        frontend->gateway = gateway_free(frontend->gateway);
        frontend->finder = peer_finder_free(frontend->finder);
        api_forget_answers(&frontend->api);
        local_keys_clear(&frontend->api.local_keys);
        frontend->coming = access_settings_free(frontend->coming);
        frontend->coming_session = session_unref(frontend->coming_session);
        known_clear(&frontend->known);
        frontend->audit = audit_free(frontend->audit);
        if (frontend->keeper.channel) {
                channel_settle(frontend->keeper.channel, LAST_WORDS_MSEC);
        }
        journal_pass_to(NULL, NULL);
        frontend->keeper.channel = channel_free(frontend->keeper.channel);
        frontend->event = sd_event_unref(frontend->event);
}

/* ---- the process ---- */

/* Files that libraries read at their first use are read now. */
static void warm_up(void)
{
        char text[CLOCK_TEXT_MAX];

        tzset();
        (void)clock_format_utc(clock_now_usec(), text);
        struct json_object *json = json_object_new_object(); /* its hash asks for randomness, once */
        if (json) {
                json_object_object_add(json, "a", NULL);
                json_object_put(json);
        }
}

static int confine(struct frontend *frontend)
{
        struct message_confined confined;

        memset(&confined, 0, sizeof(confined));
        confined.type = MESSAGE_CONFINED;
        int r = low_descriptors_fill(&frontend->low);
        if (r < 0) {
                return r;
        }
        r = confine_frontend(CHILD_CHANNEL_FD, LOW_DESCRIPTORS_HIGHEST, &confined.confinement);
        (void)malloc_trim(0); /* of what making the filter took */
        if (r < 0) {
                return r;
        }
        frontend->api.own_confinement = confined.confinement;
        return channel_send(frontend->keeper.channel, &confined, sizeof(confined), -1);
}

static int run(struct frontend *frontend)
{
        int r = build(frontend);
        if (r < 0) {
                return r;
        }
        process_harden();
        warm_up();
        r = confine(frontend);
        if (r < 0) {
                return r;
        }
        return event_loop_run(frontend->event);
}

int frontend_run(void)
{
        struct frontend frontend = { 0 };

        if (!child_has_keeper("--frontend")) {
                return BROKER_EXIT_CONFIGURATION;
        }
        child_begin_life("eqp-frontend");
        int r = run(&frontend);
        if (r < 0) {
                journal_say(&(struct journal_record){ .priority = LOG_ERR }, "the frontend ends: %s",
                            strerror(-r));
        }
        clear(&frontend);
        return r < 0 ? BROKER_EXIT_INTERNAL : r;
}

/* The keeper's part in the gateway. */
#include "daemon/keeper/gateway.h"

#include "daemon/base/clock.h"
#include "daemon/base/journal.h"
#include "daemon/keeper/child_records.h"
#include "daemon/keeper/lanes.h"
#include "daemon/keeper/upstreams.h"
#include "lib/util.h"

#include <errno.h>

struct gateway {
        struct child_process *frontend; /* not ours */
        struct child_process *forwarder;
        struct upstreams *upstreams;
        struct lanes lanes;
        struct child_records records;
        void (*changed)(void *userdata);
        void *userdata;
};

/* ---- what the frontend is told ---- */

static void tell_frontend(const struct gateway *gateway)
{
        struct message_forwarder message, told;
        struct child_process_view view;

        child_process_look(gateway->forwarder, &view);
        message = (struct message_forwarder){ .type = MESSAGE_FORWARDER,
                                              .wanted = view.wanted,
                                              .running = view.running,
                                              .held_back = view.held_back,
                                              .n_ended = view.n_ended,
                                              .confinement = view.confinement };
        message_copy(&told, &message, MESSAGE_FORWARDER);
        child_process_send(gateway->frontend, &told, sizeof(told), -1);
}

/* A request that comes by a lane finds its upstream known: so lanes wait for the first answers. */
static void make_lanes(struct gateway *gateway)
{
        if (upstreams_are_ready(gateway->upstreams)) {
                lanes_make(&gateway->lanes);
        }
}

void gateway_on_frontend(struct gateway *gateway)
{
        tell_frontend(gateway);
        lanes_forget(&gateway->lanes);
        make_lanes(gateway);
}

/* ---- the forwarder ---- */

static void on_start(void *userdata)
{
        struct gateway *gateway = userdata;

        upstreams_tell_all(gateway->upstreams);
        lanes_forget(&gateway->lanes);
        make_lanes(gateway);
}

static void on_message(int type, const void *message, void *userdata)
{
        struct gateway *gateway = userdata;

        if (type == MESSAGE_STALE) {
                upstreams_stale(gateway->upstreams,
                                ((const struct message_upstream_name *)message)->environment,
                                clock_now_usec());
        } else if (type == MESSAGE_RECORD) {
                child_records_take(&gateway->records, "forwarder", message, clock_now_usec());
        }
}

static void on_answer(void *userdata)
{
        /* It is asked again when requests are carried. */
}

static void on_change(void *userdata)
{
        struct gateway *gateway = userdata;

        tell_frontend(gateway);
        gateway->changed(gateway->userdata);
}

static void on_ready(void *userdata)
{
        make_lanes(userdata);
}

void gateway_on_child(struct gateway *gateway, pid_t pid, int status)
{
        child_process_on_child(gateway->forwarder, pid, status);
}

/* ---- what the frontend says ---- */

void gateway_carrying(struct gateway *gateway, uint64_t now_usec)
{
        child_process_ask(gateway->forwarder);
        upstreams_in_use(gateway->upstreams, now_usec);
}

void gateway_lane_dead(struct gateway *gateway, const struct message_lane *lane)
{
        lanes_dead(&gateway->lanes, lane->id, lane->serial);
}

/* ---- is it wanted? ---- */

void gateway_configure(struct gateway *gateway, const struct settings *settings)
{
        int r = upstreams_configure(gateway->upstreams, settings);

        if (r < 0) {
                journal_say(&(struct journal_record){ .priority = LOG_ERR },
                            "some requests are not passed on: %s", strerror(-r));
        }
        make_lanes(gateway);
}

static bool is_wanted(const struct settings *settings, const struct environments *environments,
                      uint64_t now_usec)
{
        for (size_t i = 0; i < environments->n; i++) {
                const struct environment *environment = environments->list[i];
                const struct environment_settings *of =
                        settings_environment(settings, environment->view.name);

                if (of && of->gateway &&
                    (environment_view_configured(&environment->view) ||
                     environment_session(environment, now_usec))) {
                        return true;
                }
        }
        return false;
}

void gateway_look_at(struct gateway *gateway, const struct settings *settings,
                     const struct environments *environments, uint64_t now_usec)
{
        struct child_process_view view;
        bool wanted = is_wanted(settings, environments, now_usec);

        child_process_look(gateway->forwarder, &view);
        if (wanted == view.wanted) {
                return;
        }
        upstreams_want(gateway->upstreams, wanted);
        if (wanted) {
                child_process_start(gateway->forwarder);
        } else {
                lanes_forget(&gateway->lanes);
                child_process_drain(gateway->forwarder);
        }
        on_change(gateway);
}

void gateway_look(const struct gateway *gateway, struct child_process_view *ret)
{
        child_process_look(gateway->forwarder, ret);
}

uint64_t gateway_records_dropped(const struct gateway *gateway)
{
        return gateway->records.n_dropped_ever;
}

/* ---- life ---- */

static void free_gateway(struct gateway **gateway)
{
        *gateway = gateway_free(*gateway);
}

int gateway_new(struct gateway **ret, sd_event *event, struct child_process *frontend,
                const struct confinement *ours, void (*changed)(void *userdata), void *userdata)
{
        static const struct child_kind kind = {
                .name = "forwarder",
                .option = "--forwarder",
                .event = EVENT_FORWARDER_ENDED,
                .lost = "requests that it was carrying are lost",
                .check = message_check_from_forwarder,
        };
        _cleanup_(free_gateway) struct gateway *gateway = calloc(1, sizeof(*gateway));

        if (!gateway) {
                return -ENOMEM;
        }
        const struct child_process_handlers handlers = { on_start,  on_message, on_answer,
                                                         on_change, on_change,  gateway };
        gateway->frontend = frontend;
        gateway->changed = changed;
        gateway->userdata = userdata;
        int r = child_process_new(&gateway->forwarder, event, &kind, ours, &handlers);
        if (r < 0) {
                return r;
        }
        r = upstreams_new(&gateway->upstreams, event, gateway->forwarder, on_ready, gateway);
        if (r < 0) {
                return r;
        }
        r = lanes_init(&gateway->lanes, event, frontend, gateway->forwarder);
        if (r < 0) {
                return r;
        }
        *ret = take_ptr(gateway);
        return 0;
}

struct gateway *gateway_free(struct gateway *gateway)
{
        if (gateway) {
                lanes_clear(&gateway->lanes);
                gateway->upstreams = upstreams_free(gateway->upstreams);
                gateway->forwarder = child_process_free(gateway->forwarder);
                free(gateway);
        }
        return NULL;
}

/* The keeper's part in the gateway. */
#include "daemon/keeper/forwarding.h"

#include "daemon/base/clock.h"
#include "daemon/base/journal.h"
#include "daemon/keeper/child_records.h"
#include "daemon/keeper/lane_pairs.h"
#include "daemon/keeper/upstreams.h"
#include "lib/util.h"

#include <errno.h>

struct forwarding {
        struct child_process *frontend; /* not ours */
        struct child_process *forwarder;
        struct upstreams *upstreams;
        struct lane_pairs lanes;
        struct child_records records;
        void (*changed)(void *userdata);
        void *userdata;
};

/* ---- what the frontend is told ---- */

static void tell_frontend(const struct forwarding *forwarding)
{
        struct message_forwarder message, told;
        struct child_process_view view;

        child_process_look(forwarding->forwarder, &view);
        message = (struct message_forwarder){ .type = MESSAGE_FORWARDER,
                                              .wanted = view.wanted,
                                              .running = view.running,
                                              .held_back = view.held_back,
                                              .n_ended = view.n_ended,
                                              .confinement = view.confinement };
        message_copy(&told, &message, MESSAGE_FORWARDER);
        child_process_send(forwarding->frontend, &told, sizeof(told), -1);
}

/* A request that comes by a lane finds its upstream known: so lanes wait for the first answers. */
static void make_lanes(struct forwarding *forwarding)
{
        if (upstreams_are_ready(forwarding->upstreams)) {
                lane_pairs_make(&forwarding->lanes);
        }
}

void forwarding_on_frontend(struct forwarding *forwarding)
{
        tell_frontend(forwarding);
        lane_pairs_forget(&forwarding->lanes);
        make_lanes(forwarding);
}

/* ---- the forwarder ---- */

static void on_start(void *userdata)
{
        struct forwarding *forwarding = userdata;

        upstreams_tell_all(forwarding->upstreams);
        lane_pairs_forget(&forwarding->lanes);
        make_lanes(forwarding);
}

static void on_message(int type, const void *message, void *userdata)
{
        struct forwarding *forwarding = userdata;

        if (type == MESSAGE_STALE) {
                upstreams_stale(forwarding->upstreams,
                                ((const struct message_upstream_name *)message)->environment,
                                clock_now_usec());
        } else if (type == MESSAGE_RECORD) {
                child_records_take(&forwarding->records, "forwarder", message, clock_now_usec());
        }
}

static void on_answer(void *userdata)
{
        /* It is asked again when requests are carried. */
}

static void on_change(void *userdata)
{
        struct forwarding *forwarding = userdata;

        tell_frontend(forwarding);
        forwarding->changed(forwarding->userdata);
}

static void on_ready(void *userdata)
{
        make_lanes(userdata);
}

void forwarding_on_child(struct forwarding *forwarding, pid_t pid, int status)
{
        child_process_on_child(forwarding->forwarder, pid, status);
}

/* ---- what the frontend says ---- */

void forwarding_carrying(struct forwarding *forwarding, uint64_t now_usec)
{
        child_process_ask(forwarding->forwarder);
        upstreams_in_use(forwarding->upstreams, now_usec);
}

void forwarding_lane_dead(struct forwarding *forwarding, const struct message_lane *lane)
{
        lane_pairs_dead(&forwarding->lanes, lane->id, lane->serial);
}

/* Its word counts here: a frontend that lies loses requests of the gateway, which it can do anyway. */
void forwarding_lane_broken(struct forwarding *forwarding, const struct message_lane *lane)
{
        if (lane_pairs_is_latest(&forwarding->lanes, lane->id, lane->serial)) {
                child_process_distrust(forwarding->forwarder,
                                       "sent the frontend a packet that makes no sense");
        }
}

/* ---- is it wanted? ---- */

void forwarding_configure(struct forwarding *forwarding, const struct settings *settings)
{
        int r = upstreams_configure(forwarding->upstreams, settings);

        if (r < 0) {
                journal_say(&(struct journal_record){ .priority = LOG_ERR },
                            "some requests are not passed on: %s", strerror(-r));
        }
        make_lanes(forwarding);
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

void forwarding_look_at(struct forwarding *forwarding, const struct settings *settings,
                        const struct environments *environments, uint64_t now_usec)
{
        struct child_process_view view;
        bool wanted = is_wanted(settings, environments, now_usec);

        child_process_look(forwarding->forwarder, &view);
        if (wanted == view.wanted) {
                return;
        }
        upstreams_want(forwarding->upstreams, wanted);
        if (wanted) {
                child_process_start(forwarding->forwarder);
        } else {
                lane_pairs_forget(&forwarding->lanes);
                child_process_drain(forwarding->forwarder);
        }
        on_change(forwarding);
}

void forwarding_look(const struct forwarding *forwarding, struct child_process_view *ret)
{
        child_process_look(forwarding->forwarder, ret);
}

uint64_t forwarding_records_dropped(const struct forwarding *forwarding)
{
        return forwarding->records.n_dropped_ever;
}

/* ---- life ---- */

static void free_forwarding(struct forwarding **forwarding)
{
        *forwarding = forwarding_free(*forwarding);
}

int forwarding_new(struct forwarding **ret, sd_event *event, struct child_process *frontend,
                   const struct confinement *ours, void (*changed)(void *userdata), void *userdata)
{
        static const struct child_kind kind = {
                .name = "forwarder",
                .option = "--forwarder",
                .event = EVENT_FORWARDER_ENDED,
                .lost = "requests that it was carrying are lost",
                .check = message_check_from_forwarder,
        };
        _cleanup_(free_forwarding) struct forwarding *forwarding = calloc(1, sizeof(*forwarding));

        if (!forwarding) {
                return -ENOMEM;
        }
        const struct child_process_handlers handlers = { on_start,  on_message, on_answer,
                                                         on_change, on_change,  forwarding };
        forwarding->frontend = frontend;
        forwarding->changed = changed;
        forwarding->userdata = userdata;
        int r = child_process_new(&forwarding->forwarder, event, &kind, ours, &handlers);
        if (r < 0) {
                return r;
        }
        r = upstreams_new(&forwarding->upstreams, event, forwarding->forwarder, on_ready, forwarding);
        if (r < 0) {
                return r;
        }
        r = lane_pairs_init(&forwarding->lanes, event, frontend, forwarding->forwarder);
        if (r < 0) {
                return r;
        }
        *ret = take_ptr(forwarding);
        return 0;
}

struct forwarding *forwarding_free(struct forwarding *forwarding)
{
        if (forwarding) {
                lane_pairs_clear(&forwarding->lanes);
                forwarding->upstreams = upstreams_free(forwarding->upstreams);
                forwarding->forwarder = child_process_free(forwarding->forwarder);
                free(forwarding);
        }
        return NULL;
}

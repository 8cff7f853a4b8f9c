/* Messages to systemd. A manager that does not listen misses nothing; but where a manager does not read just
 * now, it is told again what it waits for: READY=1, as a start or a reload without it has failed, and that
 * the loop runs. */
#include "daemon/keeper/service.h"

#include "daemon/base/clock.h"
#include "daemon/keeper/notify.h"
#include "lib/util.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>

#define READY_AT_LATEST_USEC (10 * USEC_PER_SEC)
#define TELL_AGAIN_USEC      (1 * USEC_PER_SEC)
#define FEED_AGAIN_USEC      (25 * USEC_PER_MSEC)
/* Before that, settings are read, for which the user database is asked. */
#define START_USEC (READY_AT_LATEST_USEC + 5 * USEC_PER_SEC)

static size_t describe(const struct environment *environment, const struct keys_view *keys,
                       uint64_t now_usec, char *text, size_t size)
{
        const char *name = environment->view.name;
        const struct session *session = environment_session(environment, now_usec);
        uint64_t next = refresh_next_usec(&environment->view.refresh);
        char expires[CLOCK_TEXT_MAX], wait[CLOCK_TEXT_MAX], why[ENVIRONMENT_WHY_MAX];
        int n;

        if (session) {
                /* A point in time, not a remainder: the line stays true without being sent again every
                 * second. */
                n = snprintf(text, size, "%s: valid until %s, next refresh %s", name,
                             clock_format_utc(session->expires_usec, expires),
                             next == USEC_NEVER ? "never (no access key)" : clock_format_utc(next, wait));
        } else {
                n = snprintf(text, size, "%s: %s", name,
                             environment_view_why(&environment->view, keys, now_usec, why));
        }
        return n > 0 ? MIN_OF((size_t)n, size - 1) : 0;
}

static void tell_status(struct service *service, const struct service_state *state, uint64_t now_usec)
{
        const struct environments *environments = state->environments;
        char text[SERVICE_STATUS_MAX] = "";
        size_t length = 0;

        if (state->frontend_held_back) {
                length = (size_t)snprintf(text, sizeof(text),
                                          "no request is answered: the frontend keeps ending");
        } else if (state->forwarder_held_back) {
                length = (size_t)snprintf(text, sizeof(text),
                                          "no request is passed on: the forwarder keeps ending");
        }
        for (size_t i = 0; i < environments->n && length + 3 < sizeof(text); i++) {
                const struct environment *environment = environments->list[i];
                if (!environment_view_configured(&environment->view) &&
                    !environment_session(environment, now_usec)) {
                        continue;
                }
                if (length > 0) {
                        memcpy(text + length, "; ", 3);
                        length += 2;
                }
                length += describe(environment, state->keys, now_usec, text + length, sizeof(text) - length);
        }
        if (length == 0) {
                (void)snprintf(text, sizeof(text),
                               "no access key: run 'eqpctl key set ENVIRONMENT', or put a key file "
                               "into %s",
                               state->keys->directory);
        }
        if (!streq(text, service->status) && notify(-1, "STATUS=%s", text) != -EAGAIN) {
                memcpy(service->status, text, sizeof(text));
        }
}

static bool all_answered(const struct environments *environments)
{
        for (size_t i = 0; i < environments->n; i++) {
                const struct environment *environment = environments->list[i];
                /* A session that survived a restart is an answer too. */
                if (environment_view_configured(&environment->view) && environment->view.n_answered == 0 &&
                    !environment->session) {
                        return false;
                }
        }
        return true;
}

/* Units of Type=notify-reload take a READY=1 for the end of a reload only after this. */
static int tell_reloading(struct service *service)
{
        int r = service->reloading_usec == 0
                        ? 0
                        : notify(-1, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, service->reloading_usec);

        if (r != -EAGAIN) {
                service->reloading_usec = 0;
        }
        return r;
}

static void tell_ready(struct service *service)
{
        bool again = tell_reloading(service) == -EAGAIN || notify(-1, "READY=1") == -EAGAIN;

        if (again) {
                (void)sd_event_source_set_time_relative(service->timer, TELL_AGAIN_USEC);
        }
        (void)sd_event_source_set_enabled(service->timer, again ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

static void become_ready(struct service *service)
{
        if (!service->ready) {
                service->ready = true;
                tell_ready(service);
        }
}

void service_look(struct service *service, const struct service_state *state, uint64_t now_usec)
{
        tell_status(service, state, now_usec);
        if (state->ready_when_listening || all_answered(state->environments)) {
                become_ready(service);
        }
}

/* It is time to be ready, or to say so again. */
static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct service *service = userdata;

        service->ready = true;
        tell_ready(service);
        return 0;
}

/* Fed from the loop, so that one that hangs is found out. (sd-event would do it, and wait for the manager.)
 * There is time for one message that the manager has no room for, and for many tries to make up for it:
 * anybody may write to its socket, and fill it. */
static int on_watchdog(sd_event_source *source, uint64_t usec, void *userdata)
{
        const struct service *service = userdata;
        bool well = child_process_is_well(service->frontend);
        bool again = well && notify(-1, "WATCHDOG=1") == -EAGAIN;
        uint64_t wait_usec =
                again ? MIN_OF(service->watchdog_usec / 40, FEED_AGAIN_USEC) : service->watchdog_usec / 2;

        child_process_ask(service->frontend);
        (void)sd_event_source_set_time_accuracy(source, wait_usec / 2);
        (void)sd_event_source_set_time_relative(source, wait_usec);
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int start_feeding(struct service *service, sd_event *event)
{
        int r = sd_watchdog_enabled(0, &service->watchdog_usec);

        return r <= 0 ? r
                      : sd_event_add_time_relative(event, &service->watchdog, CLOCK_MONOTONIC, 0, 1,
                                                   on_watchdog, service);
}

void service_starting(void)
{
        (void)notify(-1, "STATUS=Starting: reading configuration and keys\nEXTEND_TIMEOUT_USEC=%" PRIu64,
                     (uint64_t)START_USEC);
}

int service_init(struct service *service, sd_event *event, struct child_process *frontend)
{
        service->frontend = frontend;
        service_starting(); /* whatever it took until here */
        int r = sd_event_add_time_relative(event, &service->timer, CLOCK_MONOTONIC, READY_AT_LATEST_USEC, 1,
                                           on_timer, service);
        return r < 0 ? r : start_feeding(service, event);
}

void service_clear(struct service *service)
{
        service->timer = sd_event_source_disable_unref(service->timer);
        service->watchdog = sd_event_source_disable_unref(service->watchdog);
}

void service_reloading(struct service *service)
{
        service->reloading_usec = clock_monotonic_usec();
        (void)tell_reloading(service);
}

void service_reloaded(struct service *service)
{
        tell_ready(service);
}

void service_stopping(bool longer)
{
        (void)notify(-1, "STOPPING=1\nSTATUS=Stopping%s", longer ? "\nEXTEND_TIMEOUT_USEC=40000000" : "");
}

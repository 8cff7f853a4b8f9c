/* What systemd is told, by sd_notify(3). Failures are ignored: whoever does not listen misses nothing. */
#include "daemon/service.h"

#include "daemon/clock.h"
#include "daemon/environment_words.h"
#include "lib/util.h"

#include <inttypes.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#define READY_AT_LATEST_USEC (10 * USEC_PER_SEC)
/* Before that, settings are read, for which the user database is asked. */
#define START_USEC (READY_AT_LATEST_USEC + 5 * USEC_PER_SEC)

static size_t describe(const struct environment *environment, uint64_t now_usec, char *text, size_t size)
{
        const struct session *session = environment_session(environment, now_usec);
        uint64_t next = refresh_next_usec(&environment->refresh);
        char wait[CLOCK_TEXT_MAX], why[ENVIRONMENT_WHY_MAX], end[CLOCK_TEXT_MAX];
        int n;

        if (session) {
                /* A point in time, not a remainder: the line stays true without being sent again every
                 * second. */
                n = snprintf(text, size, "%s: valid until %s, next refresh %s", environment->name,
                             clock_format_utc(session->expires_usec, now_usec, end),
                             next == USEC_NEVER ? "never (no access key)"
                                                : clock_format_utc(next, now_usec, wait));
        } else {
                n = snprintf(text, size, "%s: %s", environment->name,
                             environment_why(environment, now_usec, why));
        }
        return n > 0 ? MIN_OF((size_t)n, size - 1) : 0;
}

static void tell_status(const struct api *api, uint64_t now_usec)
{
        static char last[1024];
        char text[1024] = "";
        size_t length = 0;

        for (size_t i = 0; i < api->n_environments && length + 3 < sizeof(text); i++) {
                const struct environment *environment = api->environments[i];
                if (!environment_configured(environment) && !environment_session(environment, now_usec)) {
                        continue;
                }
                if (length > 0) {
                        memcpy(text + length, "; ", 3);
                        length += 2;
                }
                length += describe(environment, now_usec, text + length, sizeof(text) - length);
        }
        if (length == 0) {
                (void)snprintf(text, sizeof(text),
                               "no access key: run 'eqpctl key set ENVIRONMENT', or put a key file "
                               "into %s",
                               upstream_keys_directory(api->upstream));
        }
        if (!streq(text, last)) {
                memcpy(last, text, sizeof(last));
                (void)sd_notifyf(0, "STATUS=%s", text);
        }
}

static bool all_answered(const struct api *api)
{
        for (size_t i = 0; i < api->n_environments; i++) {
                const struct environment *environment = api->environments[i];
                /* A session that survived a restart is an answer too. */
                if (environment_configured(environment) && environment->n_answered == 0 &&
                    !environment->session) {
                        return false;
                }
        }
        return true;
}

static void become_ready(struct service *service)
{
        if (!service->ready) {
                service->ready = true;
                service->timer = sd_event_source_disable_unref(service->timer);
                (void)sd_notify(0, "READY=1");
        }
}

void service_look(struct service *service, const struct api *api, uint64_t now_usec)
{
        tell_status(api, now_usec);
        if (api->settings->ready_when_listening || all_answered(api)) {
                become_ready(service);
        }
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        (void)source;
        (void)usec;
        become_ready(userdata);
        return 0;
}

void service_starting(void)
{
        (void)sd_notifyf(0, "STATUS=Starting: reading configuration and keys\nEXTEND_TIMEOUT_USEC=%" PRIu64,
                         (uint64_t)START_USEC);
}

int service_init(struct service *service, sd_event *event)
{
        service_starting(); /* whatever it took until here */
        return sd_event_add_time_relative(event, &service->timer, CLOCK_MONOTONIC, READY_AT_LATEST_USEC, 1,
                                          on_timer, service);
}

void service_clear(struct service *service)
{
        service->timer = sd_event_source_disable_unref(service->timer);
}

void service_reloading(void)
{
        struct timespec now;
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        (void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
                         (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000);
}

void service_reloaded(void)
{
        (void)sd_notify(0, "READY=1");
}

void service_stopping(void)
{
        (void)sd_notify(0, "STOPPING=1\nSTATUS=Stopping");
}

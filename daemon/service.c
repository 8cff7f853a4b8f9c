/* What systemd is told, by sd_notify(3). Failures are ignored: whoever does not listen misses nothing. */
#include "daemon/service.h"

#include "daemon/clock.h"
#include "daemon/environment_words.h"
#include "lib/util.h"

#include <inttypes.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>
#include <time.h>

void service_ready(void)
{
        (void)sd_notify(0, "READY=1");
}

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

void service_status(const struct api *api, uint64_t now_usec)
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
                (void)snprintf(text, sizeof(text), "no access key: put a key file into %s",
                               upstream_keys_directory(api->upstream));
        }
        if (!streq(text, last)) {
                memcpy(last, text, sizeof(last));
                (void)sd_notifyf(0, "STATUS=%s", text);
        }
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

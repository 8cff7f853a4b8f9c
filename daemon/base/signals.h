/* Signals as events: SIGTERM and SIGINT to stop, SIGHUP to reload, SIGCHLD for the end of a child. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

struct signal_handlers {
        void (*on_stop)(void *userdata);
        void (*on_reload)(void *userdata);
        void (*on_child)(pid_t pid, int status, void *userdata); /* one has ended; status as of wait(2) */
        void *userdata;
};

/* Holds SIGTERM and SIGINT back, and with reload_too SIGHUP and SIGCHLD, until there is a loop to take them:
 * at the very beginning. Else the first process of a container, whom no signal ends by itself, would miss
 * them, and any other be ended by a SIGHUP that came a moment too early. Negative errno. */
int signals_hold(bool reload_too);

/* Zeroed, then signals_init(). */
struct signals {
        struct signal_handlers handlers;
        sd_event_source *sources[4];
};

/* From now on they are events of the loop. Call it before any thread is made: threads inherit what is
 * blocked. Negative errno. */
int signals_init(struct signals *signals, sd_event *event, const struct signal_handlers *handlers);

/* They stay blocked: one that comes during the teardown must not cut it short. */
void signals_clear(struct signals *signals);

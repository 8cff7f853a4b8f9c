/* Messages to systemd: ready, the state in words, reloading, stopping, and for its watchdog that
 * the loop runs. Without systemd all of it does nothing. */
#pragma once

#include "daemon/keeper/child_process.h"
#include "daemon/keeper/environments.h"

#define SERVICE_STATUS_MAX 1024

/* Zeroed, then service_init(). */
struct service {
        sd_event_source *timer;    /* READY=1 is due then, at the latest, or again */
        bool ready;                /* READY=1 was sent, or is owed */
        uint64_t reloading_usec;   /* when the reload began of which the manager is still to hear; 0: none */
        sd_event_source *watchdog; /* NULL: there is none to feed */
        uint64_t watchdog_usec;    /* it has to be fed within that time */
        struct child_process *frontend;
        char status[SERVICE_STATUS_MAX]; /* the last STATUS= that the manager took */
};

/* The facts behind STATUS= and READY=1. */
struct service_state {
        const struct environments *environments;
        const struct keys_view *keys;
        bool ready_when_listening;
        bool frontend_held_back, forwarder_held_back;
};

/* The very first word, before anything that may take time: it is alive, and needs so long (a time-out of the
 * service manager that is shorter is extended). */
void service_starting(void);

/* READY=1 is due in 10 s at the latest; the watchdog is fed from now on, as long as the frontend is well,
 * which stays the caller's. Negative errno. */
int service_init(struct service *service, sd_event *event, struct child_process *frontend);
void service_clear(struct service *service);

/* Something changed. Sends READY=1, once, when every environment with a key has had its first answer (or at
 * once if the settings want that), and STATUS= in words when they differ from the last ones: "sandbox: valid
 * until …, next refresh …; production: …". */
void service_look(struct service *service, const struct service_state *state, uint64_t now_usec);

/* A reload begins (RELOADING=1 with the time, as notify-reload units want it) and ends (READY=1). */
void service_reloading(struct service *service);
void service_reloaded(struct service *service);

/* longer: requests that are passed on may take more time than the unit gives for a stop. */
void service_stopping(bool longer);

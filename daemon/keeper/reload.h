/* Reading configuration and keys again: asked for by a signal or a caller, carried out by the loop in its
 * own turn, told to who waits for the outcome. */
#pragma once

#include "daemon/base/waiters.h"
#include "daemon/keeper/service.h"
#include "lib/settings.h"

#include <systemd/sd-event.h>

struct reload_work {
        const char *config_path; /* NULL: the default */
        struct service *service;
        /* Puts the settings into force and takes them over. Negative errno: it did neither, all is as it
         * was, and reterr_message says why. */
        int (*apply)(struct settings *settings, char reterr_message[static SETTINGS_ERROR_MAX],
                     void *userdata);
        void *userdata;
};

/* Zeroed, then reload_init(). */
struct reload {
        struct reload_work work;
        sd_event_source *due;
        struct waiters waiters;
        uint64_t n_done;                  /* how many there were, good or bad */
        char message[SETTINGS_ERROR_MAX]; /* why the last one failed; "": it did not */
};

/* Negative errno. */
int reload_init(struct reload *reload, sd_event *event, const struct reload_work *work);
void reload_clear(struct reload *reload);

/* Have it done soon, but not now: callers may be in the middle of what a reload changes. Who asks before it
 * begins shares it: it begins after all of them. */
void reload_ask(struct reload *reload);

/* No reload from now on: the daemon is about to end. Who waits for one is told. */
void reload_stop(struct reload *reload);

/* Will there be none any more? */
bool reload_stopped(const struct reload *reload);

/* Tells the waiter when n_done has grown, or there will be no reload. */
void reload_wait(struct reload *reload, struct waiter *waiter);

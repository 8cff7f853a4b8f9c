/* Reading configuration and keys again: asked for by a signal or a caller, carried out by the loop in its
 * own turn, and answered to everybody who asked with a number. */
#pragma once

#include "daemon/keeper/service.h"
#include "daemon/keeper/settings_files.h"
#include "lib/line_budget.h"
#include "lib/settings.h"

#include <systemd/sd-event.h>

struct reload_work {
        const struct settings_source *source;
        struct service *service;
        /* A question is answered: it was done, or why not ("": it was); stopping: there is no reload any
         * more. */
        void (*answer)(uint64_t number, bool stopping, const char *why, void *userdata);
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
        sd_event_source *later;    /* due again then: callers have asked for many */
        struct line_budget budget; /* theirs */
        uint64_t *numbers;         /* of those who wait for the outcome */
        size_t n_numbers, n_numbers_max;
        char message[SETTINGS_ERROR_MAX]; /* why the last one failed; "": it did not */
};

/* Negative errno. */
int reload_init(struct reload *reload, sd_event *event, const struct reload_work *work);
void reload_clear(struct reload *reload);

/* Have it done soon, but not now: callers may be in the middle of what a reload changes. Questions that come
 * before it begins share it. number: of a caller's question; of these, once there were many, one in a second
 * is carried out. 0: nobody waits, the manager has asked by a signal. */
void reload_ask(struct reload *reload, uint64_t number);

/* No reload from now on: the daemon is about to end. Those who wait for one are told. */
void reload_stop(struct reload *reload);

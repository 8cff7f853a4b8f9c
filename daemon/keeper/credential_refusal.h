/* Lets units go that ask for a credential while no frontend can answer them: they get an empty one, and the
 * log says so. A unit that is starting, and whatever waits for it, would otherwise wait without end. */
#pragma once

#include <systemd/sd-event.h>

/* Zeroed, then credential_refusal_init(): nobody is let go. */
struct credential_refusal {
        sd_event *event;
        sd_event_source *io;
};

/* The loop stays the caller's. */
void credential_refusal_init(struct credential_refusal *refusal, sd_event *event);

/* From now on all that come in by this socket, which listens and stays the caller's, are let go. -1: nobody
 * any more. */
void credential_refusal_set(struct credential_refusal *refusal, int fd);

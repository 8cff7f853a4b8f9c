/* Refuses those who ask for a credential while no frontend can answer them: a unit that is starting is
 * better off with an error than with a wait without end. */
#pragma once

#include <systemd/sd-event.h>

/* Zeroed, then credential_refusal_init(): nobody is refused. */
struct credential_refusal {
        sd_event *event;
        sd_event_source *io;
};

/* The loop stays the caller's. */
void credential_refusal_init(struct credential_refusal *refusal, sd_event *event);

/* From now on connections to this listening socket, which stays the caller's, are refused. -1: none any
 * more. */
void credential_refusal_set(struct credential_refusal *refusal, int fd);

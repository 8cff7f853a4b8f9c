/* The broker as a source of credentials: a unit with LoadCredential=NAME:SOCKET finds the token of its
 * environment as a file when it starts. The socket comes from the service manager only. */
#pragma once

#include "daemon/frontend/callers/admission.h"
#include "daemon/frontend/known/known.h"

#include <systemd/sd-event.h>

struct credential_source;

/* Takes over the socket that listens, leaving -1; the manager has it as well, so it is never shut down. With
 * -1 there is no source: *ret is NULL. The knowledge stays the caller's. Negative errno (logged): *fd is as
 * it was. */
int credential_source_new(struct credential_source **ret, sd_event *event, struct known *known, int *fd);
/* Closes every connection. NULL is fine; returns NULL. */
struct credential_source *credential_source_free(struct credential_source *source);

/* Rules have changed, or environments may go: those that wait let go of them, and are looked at again in
 * their next turn. NULL is fine. */
void credential_source_look_again(struct credential_source *source);

/* The end: accepts no more (connections in the backlog wait for the next daemon), and answers those that
 * were accepted. Calls done, once: when all is answered, perhaps at once, or after 5 s. NULL is fine: there
 * is nothing to answer. */
void credential_source_drain(struct credential_source *source, void (*done)(void *userdata), void *userdata);

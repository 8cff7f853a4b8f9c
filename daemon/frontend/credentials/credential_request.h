/* One connection by which the service manager asks for a credential: the unit, and the answer on its
 * way. Its events are daemon/frontend/credentials/credential_source's. */
#pragma once

#include "daemon/base/waiters.h"
#include "daemon/frontend/credentials/credential_log.h"
#include "daemon/frontend/known/known.h"
#include "lib/credential_peer.h"

#include <sys/socket.h>
#include <systemd/sd-event.h>

struct credential_source;

struct credential_request {
        struct credential_request *next, **link; // credential_source::first
        struct credential_source *source;
        int fd;
        sd_event_source *io;
        struct credential_peer peer;
        struct waiter waiter;
        struct question *question; /* to the keeper; NULL: none was asked */
        bool look_again;           /* there may be news for it */
        uint64_t deadline_usec;    /* of the wait, then of the sending */
        uint64_t give_usec; /* the token in hand is about to end: given then, if no longer one has come; 0:
                               it was not found so yet */

        /* the answer */
        bool answered;         /* there is one */
        char *body;            /* the token, or the words of a refusal, in secret memory */
        size_t length, filler; /* bytes of the body, and of the filler behind it */
        size_t sent;
};

/* Looks who is at the other end of an accepted socket, and takes it over (also when it fails). address: the
 * peer's. -EACCES: not the service manager; the log has it. -ENOMEM. */
int credential_request_new(struct credential_request **ret, int fd, const struct sockaddr *address,
                           socklen_t length, struct credential_log *log, uint64_t now_usec);
/* Closes. NULL is fine; returns NULL. */
struct credential_request *credential_request_free(struct credential_request *request);
void credential_request_freep(struct credential_request **request);

/* Gives the token, or a refusal, or waits for the environment's next news: see credential_request_due(). */
void credential_request_look(struct credential_request *request, struct known *known,
                             struct credential_log *log, uint64_t now_usec);

/* When it is to be looked at again at the latest, or has to be over. */
uint64_t credential_request_due(const struct credential_request *request);

/* Sends what the socket takes. 1: all is sent; 0: not yet; negative errno: the other end is gone. */
int credential_request_send(struct credential_request *request);

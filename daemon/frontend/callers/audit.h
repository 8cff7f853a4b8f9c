/* Which caller got which environment's token, and which was refused: logged once, not a thousand times. */
#pragma once

#include "daemon/frontend/callers/peer.h"
#include "lib/session.h"

struct audit;

/* The caller; borrowed. */
struct audit_caller {
        const struct peer *peer;
        const char *client; /* the client's own name, a valid one; NULL: none */
        const char *local;  /* the local key that the request carries; NULL: none */
};

/* -ENOMEM. */
int audit_new(struct audit **ret);
/* NULL is fine; returns NULL. */
struct audit *audit_free(struct audit *audit);

/* A token was handed out: says so once per caller (uid, client name, local key) and token, at info. opaque:
 * it was a local key's opaque token; session: the real one behind it. */
void audit_handed_out(struct audit *audit, const struct audit_caller *caller, const char *environment,
                      const struct session *session, bool opaque, uint64_t now_usec);

/* A request was refused: says so at notice, at most once a minute for each reason and uid, with how many
 * were kept back. id: the event's. slug: the reason, a static text. */
void audit_refused(struct audit *audit, const struct audit_caller *caller, const char *id, const char *slug,
                   uint64_t now_usec);

/* A reload was asked for: says so at info. */
void audit_reload(const struct audit_caller *caller);

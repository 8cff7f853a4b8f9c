/* Passed and refused requests, for the log: a line for each change, a line for each refusal, and
 * reads summed up by the minute. Bounded for each caller (uid and local key), and for all together. */
#pragma once

#include "daemon/frontend/callers/audit.h"
#include "lib/gateway_rule.h"

#include <systemd/sd-event.h>

struct gateway_audit;

/* Which request; paths are without query. */
struct gateway_audit_what {
        bool known; /* the caller is */
        uid_t uid;
        char client[CLIENT_NAME_MAX + 1];   /* as it calls itself; "": it does not */
        char local[LOCAL_KEY_NAME_MAX + 1]; /* its local key; "": none */
        char environment[ENVIRONMENT_NAME_MAX + 1];
        char method[17];
        const char *path; /* borrowed */
        size_t path_length;
        char rule[GATEWAY_PLACE_MAX + 1]; /* where the rule stands; "": none */
};

/* How it went. */
struct gateway_audit_how {
        unsigned status;      /* of the answer; 0: there was none */
        const char *slug;     /* of our own error; NULL: the upstream answered */
        uint64_t n_in, n_out; /* bytes of the bodies */
        uint64_t serial;      /* of the session; 0: it was not sent */
        bool repeated, cut_off;
};

/* Negative errno. */
int gateway_audit_new(struct gateway_audit **ret, sd_event *event);
/* Says what was summed up. NULL is fine; returns NULL. */
struct gateway_audit *gateway_audit_free(struct gateway_audit *audit);

/* A request was passed on. */
void gateway_audit_passed(struct gateway_audit *audit, const struct gateway_audit_what *what,
                          const struct gateway_audit_how *how, uint64_t now_usec);

/* A request was not sent anywhere, as it was refused or could not be. slug: static; with status 0, there is
 * no answer, and it is the reason in words. */
void gateway_audit_refused(struct gateway_audit *audit, const struct gateway_audit_what *what,
                           unsigned status, const char *slug, uint64_t now_usec);

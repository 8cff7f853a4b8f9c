/* Which unit got which environment's token as a credential, and which got none, in the journal. */
#pragma once

#include "lib/credential_peer.h"
#include "lib/line_budget.h"

#include <sys/types.h>

#define CREDENTIAL_LOG_UNITS 64

/* Zeroed, nothing was said yet. */
struct credential_log {
        struct {
                uint64_t serial; /* of the session; 0: free */
                char unit[UNIT_NAME_MAX + 1];
                char environment[ENVIRONMENT_NAME_MAX + 1];
        } given[CREDENTIAL_LOG_UNITS];
        size_t next;
        struct line_budget budget;
};

/* At info, once per unit and token: the manager asks again for every command of the unit. */
void credential_log_given(struct credential_log *log, const struct credential_peer *peer,
                          const char *environment, uint64_t serial, uint64_t now_usec);

/* At warning. environment: NULL if it is not known which. why: the reason and the cure. */
void credential_log_refused(struct credential_log *log, const struct credential_peer *peer,
                            const char *environment, const char *why, uint64_t now_usec);

/* The same for somebody who is not the manager. */
void credential_log_stranger(struct credential_log *log, uid_t uid, const char *why, uint64_t now_usec);

/* environment: one EQP environment as the simulator plays it: its keys, tokens, faults, settings and
 * counters. It knows nothing of sockets. */
#pragma once

#include "simulator/faults.h"
#include "simulator/history.h"
#include "simulator/keys.h"
#include "simulator/portal/packages.h"
#include "simulator/portal/uploads.h"
#include "simulator/tokens.h"

#include <stdbool.h>
#include <stdint.h>

#define ENVIRONMENT_NAME_MAX 32

struct environment_settings {
        int64_t lifetime_max_sec;
        int64_t lifetime_fixed_sec; /* granted whatever is asked; 0: off */
        int64_t latency_ms;         /* every answer waits so long */
        /* Malware scans of files that come from now on: */
        int64_t scan_queued_ms;
        int64_t scan_ms;
        enum scan_status scan_result; /* SCAN_IN_PROGRESS: they hang */
};

/* Requests, and how they ended. */
struct environment_counters {
        uint64_t total;
        uint64_t token;     /* to the token endpoint */
        uint64_t api;       /* anything else under /rest/v1 */
        uint64_t granted;   /* tokens issued */
        uint64_t refused;   /* answers 401 and 403 */
        uint64_t throttled; /* answers 429 */
        uint64_t failed;    /* answers 5xx, and no answer, or no whole one, on purpose */
};

struct environment {
        char name[ENVIRONMENT_NAME_MAX + 1];
        char *mage_id;
        struct keys initial_keys;
        struct environment_settings initial_settings;

        struct keys keys;
        struct tokens *tokens;
        struct uploads uploads;
        struct faults faults;
        struct packages packages;
        struct json_object *account; /* the profile of users/:mage_id */
        struct json_object *composer_keys;
        struct history callbacks; /* messages for the account's callbacks */
        struct environment_settings settings;
        struct environment_counters counters;
        uint64_t connections; /* accepted since the start or the last reset */
        struct history history;
};

/* The state at the start of an environment, and after a reset. `keys` may be NULL: then there is the one key
 * of the vendor's documentation. */
struct environment_config {
        const char *name;
        const char *mage_id;
        const struct keys *keys;
        struct environment_settings settings;
};

/* Makes an environment, which the caller frees; everything is copied. Returns 0, -EINVAL for a bad name or
 * -ENOMEM. */
int environment_new(struct environment **ret, const struct environment_config *config);
struct environment *environment_free(struct environment *environment);
void environment_freep(struct environment **environment);

/* Everything as at the start. Returns 0 or -ENOMEM; after that the environment is as it was. */
int environment_reset(struct environment *environment);

/* Whether the name may be an environment's: [a-z][a-z0-9-]{0,31}. */
bool environment_name_is_valid(const char *name);

/* The lifetime that a request for `asked_sec` gets; 0 stands for a request that names none. */
int64_t environment_grant_sec(const struct environment *environment, int64_t asked_sec);

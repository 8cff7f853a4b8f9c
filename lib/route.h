/* The paths of the HTTP interface, a row each. Paths have one spelling: no percent-encoding, no empty or dot
 * segments, no slash at the end. */
#pragma once

#include "lib/names.h"

#include <stdbool.h>

enum route_id {
        ROUTE_LIVE,           /* GET /livez */
        ROUTE_READY,          /* GET /readyz */
        ROUTE_METRICS,        /* GET /metrics */
        ROUTE_STATUS,         /* GET /v1/status */
        ROUTE_RELOAD,         /* POST /v1/reload */
        ROUTE_TOKEN,          /* GET /v1/{environment}/token */
        ROUTE_TOKEN_REJECTED, /* POST /v1/{environment}/token/rejected */
        ROUTE_REFRESH,        /* POST /v1/{environment}/refresh */
        ROUTE_SESSION_TOKEN,  /* POST /{environment}/rest/v1/app/session/token, as the EQP API itself */
        ROUTE_UPSTREAM,       /* any other /{environment}/rest/…: the EQP API has it, we have not */
};

enum http_method { METHOD_GET, METHOD_HEAD, METHOD_POST, METHOD_OTHER };

struct route {
        enum route_id id;
        const char *pattern; /* "/v1/{environment}/token" */
        const char *allow;   /* value of the Allow header: "GET, HEAD" or "POST"; "": any method */
        bool health;         /* anyone local may ask */
};

struct route_match {
        const struct route *route;
        char environment[ENVIRONMENT_NAME_MAX + 1]; /* "" where the pattern has none */
};

enum http_method http_method_parse(const char *method);

/* Finds the row of a raw request target (path and query as on the request line); what follows the first '?'
 * is left alone. -EINVAL: not spelt as paths are here (percent-encoding, "//", ".", "..", a byte outside
 * [A-Za-z0-9._/-], over 256 bytes); -ENOENT: no such path. `v1` followed by one segment that is no valid
 * environment name is -ENOENT as well. Clients of the EQP API put a base URL and a path together, so one
 * path may be spelt in more ways than one: "/{environment}//rest/v1/app/session/token", also with a slash at
 * its end. */
int route_find(const char *target, struct route_match *ret);

/* Is this what a client of the EQP API asks for: /rest/…, /{environment}/rest/…? To such a client errors are
 * told in the EQP API's own form. It need not be spelt well. */
bool route_speaks_upstream(const char *target);

/* Is it /rest/…, as of a client of the EQP API whose base URL names no environment? */
bool route_lacks_environment(const char *target);

/* GET also serves HEAD. */
bool route_allows(const struct route *route, enum http_method method);

/* The query that a refresh may have: it makes the account of the next token the environment's. */
#define ROUTE_QUERY_NEW_ACCOUNT "account=new"

/* Is there a '?' in it? */
bool route_target_has_query(const char *target);

/* May this path have the query that the target has? The token path may have any, see lib/token_query.h; a
 * refresh ROUTE_QUERY_NEW_ACCOUNT; the others none, not even an empty one. */
bool route_takes_query(const struct route *route, const char *target);

/* Does it ask for a new account? The target has been found fit by route_takes_query(). */
bool route_wants_new_account(const char *target);

/* The HTTP interface as a table: one row per path.
 *
 * A path has exactly one spelling, so nothing is decoded, folded or tidied up: a path that is spelt
 * otherwise is refused before it is compared. That leaves no room for two readers of one path to disagree.
 * The exception is what the EQP API's clients ask for: they are not ours to change, and one answer serves
 * all of their spellings. */
#include "lib/route.h"

#include "lib/util.h"

#include <errno.h>

#define PATH_LENGTH_MAX 256

#define PLACE         "{environment}"
#define SESSION_TOKEN "v1/app/session/token"

/* What, path, methods, whether it is about health. The busiest comes first. */
static const struct route routes[] = {
        { ROUTE_TOKEN, "/v1/" PLACE "/token", "GET, HEAD", false },
        { ROUTE_LIVE, "/livez", "GET, HEAD", true },
        { ROUTE_READY, "/readyz", "GET, HEAD", true },
        { ROUTE_METRICS, "/metrics", "GET, HEAD", true },
        { ROUTE_STATUS, "/v1/status", "GET, HEAD", false },
        { ROUTE_RELOAD, "/v1/reload", "POST", false },
        { ROUTE_TOKEN_REJECTED, "/v1/" PLACE "/token/rejected", "POST", false },
        { ROUTE_REFRESH, "/v1/" PLACE "/refresh", "POST", false },
};

/* Paths of the EQP API. */
static const struct route session_token = { ROUTE_SESSION_TOKEN, "/" PLACE "/rest/" SESSION_TOKEN, "POST",
                                            false };
static const struct route upstream = { ROUTE_UPSTREAM, "/" PLACE "/rest/…", "", false };

/* ---- methods ---- */

enum http_method http_method_parse(const char *method)
{
        if (streq(method, "GET")) {
                return METHOD_GET;
        }
        if (streq(method, "HEAD")) {
                return METHOD_HEAD;
        }
        if (streq(method, "POST")) {
                return METHOD_POST;
        }
        return METHOD_OTHER;
}

bool route_allows(const struct route *route, enum http_method method)
{
        if (*route->allow == '\0') {
                return true;
        }
        if (streq(route->allow, "POST")) {
                return method == METHOD_POST;
        }
        return method == METHOD_GET || method == METHOD_HEAD;
}

/* ---- paths ---- */

static bool is_path_byte(char c)
{
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
               (c != '\0' && strchr("._/-", c));
}

/* Is every segment there, and none a "." or ".."? "/" alone has no segment and is spelt well; it is just no
 * path of ours. */
static bool is_well_spelt(const char *path, size_t length)
{
        size_t start = 1;

        if (length < 1 || length > PATH_LENGTH_MAX || path[0] != '/') {
                return false;
        }
        if (length == 1) {
                return true;
        }
        for (size_t i = 1; i <= length; i++) {
                if (i < length && !is_path_byte(path[i])) {
                        return false;
                }
                if (i < length && path[i] != '/') {
                        continue;
                }
                if (i == start || (i - start == 1 && path[start] == '.') ||
                    (i - start == 2 && memcmp(path + start, "..", 2) == 0)) {
                        return false;
                }
                start = i + 1;
        }
        return true;
}

static bool matches(const char *pattern, const char *path, size_t length,
                    char ret_environment[static ENVIRONMENT_NAME_MAX + 1])
{
        const char *place = strstr(pattern, PLACE), *rest = "";
        size_t before = place ? (size_t)(place - pattern) : strlen(pattern), name_length = 0, rest_length;

        if (length < before || memcmp(pattern, path, before) != 0) {
                return false;
        }
        if (place) {
                const char *end = memchr(path + before, '/', length - before);

                name_length = end ? (size_t)(end - path) - before : length - before;
                rest = place + strlen(PLACE);
        }
        rest_length = length - before - name_length;
        if (rest_length != strlen(rest) || memcmp(rest, path + before + name_length, rest_length) != 0) {
                return false;
        }
        if (place && !environment_name_valid(path + before, name_length)) {
                return false;
        }

        memcpy(ret_environment, path + before, name_length);
        ret_environment[name_length] = '\0';
        return true;
}

/* The length of "/rest/" or "//rest/" at the beginning; 0: neither. */
static size_t upstream_prefix(const char *path)
{
        static const char *const prefixes[] = { "/rest/", "//rest/" };

        for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
                if (strncmp(path, prefixes[i], strlen(prefixes[i])) == 0) {
                        return strlen(prefixes[i]);
                }
        }
        return 0;
}

/* The length of "/{environment}" at the beginning; 0: there is none. */
static size_t environment_prefix(const char *path)
{
        size_t length = path[0] == '/' ? strcspn(path + 1, "/?") : 0;

        return length > 0 && environment_name_valid(path + 1, length) ? length + 1 : 0;
}

bool route_lacks_environment(const char *target)
{
        return upstream_prefix(target) > 0;
}

bool route_speaks_upstream(const char *target)
{
        return route_lacks_environment(target) || upstream_prefix(target + environment_prefix(target)) > 0;
}

static bool match_upstream(const char *path, size_t length, struct route_match *ret)
{
        size_t before = environment_prefix(path), prefix = upstream_prefix(path + before), rest;

        if (before == 0 || prefix == 0 || before + prefix > length) {
                return false;
        }
        rest = length - before - prefix;
        if (rest == strlen(SESSION_TOKEN "/") && path[length - 1] == '/') {
                rest--;
        }
        ret->route =
                rest == strlen(SESSION_TOKEN) && memcmp(path + before + prefix, SESSION_TOKEN, rest) == 0
                        ? &session_token
                        : &upstream;
        memcpy(ret->environment, path + 1, before - 1);
        ret->environment[before - 1] = '\0';
        return true;
}

int route_find(const char *target, struct route_match *ret)
{
        struct route_match match = { .route = NULL };
        size_t length = strcspn(target, "?");
        bool well_spelt = is_well_spelt(target, length);

        for (size_t i = 0; well_spelt && !match.route && i < ARRAY_SIZE(routes); i++) {
                if (matches(routes[i].pattern, target, length, match.environment)) {
                        match.route = &routes[i];
                }
        }
        if (!match.route && !match_upstream(target, length, &match)) {
                return well_spelt ? -ENOENT : -EINVAL;
        }
        *ret = match;
        return 0;
}

/* ---- queries ---- */

bool route_target_has_query(const char *target)
{
        return strchr(target, '?');
}

bool route_wants_new_account(const char *target)
{
        const char *query = strchr(target, '?');

        return query && streq(query + 1, ROUTE_QUERY_NEW_ACCOUNT);
}

bool route_takes_query(const struct route *route, const char *target)
{
        return !route_target_has_query(target) || route->id == ROUTE_TOKEN ||
               (route->id == ROUTE_REFRESH && route_wants_new_account(target));
}

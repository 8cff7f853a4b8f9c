/* Any bytes as a request target: the route gives the same path again, and no message repeats anything
 * odd. */
#include "lib/route.h"
#include "lib/token_query.h"
#include "lib/util.h"
#include "tests/fuzz/fuzz.h"

#define PLACE "{environment}"

/* Puts the pattern together with the environment and compares. */
static void check_match(const char *target, const struct route_match *match)
{
        const char *pattern = match->route->pattern, *place = strstr(pattern, PLACE);
        char path[512];

        if (route_speaks_upstream(target) && match->environment[0] != '\0') {
                /* The path that an unchanged client asks for: slashes may be doubled, and the rest may be
                 * anything.
                 */
                size_t length = strlen(match->environment);
                must(environment_name_valid(match->environment, length));
                must(target[0] == '/' && strncmp(target + 1, match->environment, length) == 0);
                must(target[1 + length] == '/');
                return;
        }
        if (place) {
                must(snprintf(path, sizeof(path), "%.*s%s%s", (int)(place - pattern), pattern,
                              match->environment, place + strlen(PLACE)) < (int)sizeof(path));
        } else {
                must(snprintf(path, sizeof(path), "%s", pattern) < (int)sizeof(path));
        }
        must(strlen(path) == strcspn(target, "?"));
        must(strncmp(path, target, strlen(path)) == 0);
        must(!place || environment_name_valid(match->environment, strlen(match->environment)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *target = strndup((const char *)data, size);
        struct token_query query;
        struct route_match match;
        char message[160] = "";

        must(target);
        if (route_find(target, &match) == 0) {
                check_match(target, &match);
                if (match.route->id != ROUTE_TOKEN && route_target_has_query(target)) {
                        must(route_takes_query(match.route, target) ==
                             (match.route->id == ROUTE_REFRESH && route_wants_new_account(target)));
                        must(!route_wants_new_account(target) ||
                             strcspn(target, "?") + 12 == strlen(target));
                }
        }
        if (token_query_parse(target, &query, message, sizeof(message)) == 0) {
                must(query.wait_sec <= TOKEN_WAIT_MAX_SEC);
                must(route_target_has_query(target) || (query.wait_sec == 2 && query.min_ttl_sec == 0));
        } else {
                must(route_target_has_query(target) && message[0] != '\0');
                for (const char *p = message; *p != '\0'; p++) {
                        must(*p >= 0x20 && *p <= 0x7e && !strchr("<>&%\"'", *p));
                }
        }
        return 0;
}

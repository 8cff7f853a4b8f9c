/* The HTTP interface: every request passes the same checks in the same order, then goes to its route.
 *
 * First who is calling, then what the request looks like, then what it asks for: a caller without any right
 * learns nothing of what there is. */
#include "daemon/frontend/api/api.h"

#include "daemon/frontend/api/eqp_session_request.h"
#include "daemon/frontend/api/metrics.h"
#include "daemon/frontend/api/reload_request.h"
#include "daemon/frontend/api/status_answer.h"
#include "daemon/frontend/api/token_request.h"
#include "daemon/frontend/callers/access.h"
#include "daemon/frontend/callers/audit.h"
#include "daemon/frontend/http/answer.h"
#include "daemon/frontend/http/connections.h"
#include "daemon/frontend/http/http_server.h"
#include "daemon/frontend/http/media_type.h"
#include "daemon/keeper/group_lookup.h"
#include "daemon/keeper/rule_names.h"
#include "lib/json_form.h"
#include "lib/util.h"

#include <errno.h>
#include <stdio.h>

/* How long a caller waits for a slow user database. */
#define GROUPS_WAIT_USEC (5 * USEC_PER_SEC)

static void refuse(struct api *api, struct request *request, unsigned status, const char *slug,
                   const char *message, bool close, uint64_t now_usec)
{
        struct answer answer = answer_error_with(status, request->as_upstream ? NULL : slug, message,
                                                 status == 429 ? 1 : ANSWER_NO_RETRY, NULL, close);
        const struct audit_caller caller = connection_caller(request->connection);

        api->n_refused++;
        audit_refused(api->audit, &caller, slug, now_usec);
        request_answer(request, answer.status, answer.response);
}

static void fail(struct api *api, struct request *request, unsigned status, const char *slug,
                 const char *message)
{
        struct answer answer =
                answer_error_with(status, request->as_upstream ? NULL : slug, message, ANSWER_NO_RETRY,
                                  status == 405 ? request->match.route->allow : NULL, false);

        api->n_errors++;
        request_answer(request, answer.status, answer.response);
}

/* Are the names in the rules up to date, where his rights depend on them? False: they are being looked up,
 * and the request waits. */
static bool complete_names(struct api *api, struct request *request, uint64_t now_usec,
                           uint64_t *ret_until_usec)
{
        *ret_until_usec = USEC_NEVER;
        if (!access_needs_names(api->settings, &request->connection->peer) ||
            rule_names_ask(api->rule_names, now_usec, ret_until_usec) >= 0) {
                return true;
        }
        rule_names_wait(api->rule_names, &request->waiter);
        request_wait(request, *ret_until_usec);
        return false;
}

/* Adds the groups of a TCP caller where the rules ask for them. False: they are being looked up, and the
 * request waits. */
static bool complete_groups(struct api *api, struct request *request, uint64_t now_usec,
                            uint64_t *ret_until_usec)
{
        struct peer *peer = &request->connection->peer;
        const gid_t *groups;
        size_t n;

        *ret_until_usec = USEC_NEVER;
        if (!peer->known || !peer->tcp || !access_needs_groups(api->settings, peer)) {
                return true;
        }
        if (user_groups_find(api->user_groups, peer->uid, now_usec, &groups, &n, ret_until_usec) < 0) {
                bool first = request->wait_until_usec == 0;
                if (!first && now_usec >= request->wait_until_usec) {
                        /* The user database is silent: judged without his groups. */
                        peer_clear(peer);
                        *ret_until_usec = now_usec + USER_GROUPS_KEPT_USEC;
                        return true;
                }
                user_groups_wait(api->user_groups, &request->waiter);
                request_wait(request, first ? now_usec + GROUPS_WAIT_USEC : request->wait_until_usec);
                return false;
        }
        if (peer_set_groups(peer, groups, n) < 0) {
                peer_clear(peer); /* without memory he has none, which is safe */
        }
        return true;
}

/* What this connection's caller may do: judged at his first request that needs a right, again when the rules
 * changed, and again when what the user database told of him is old. False: the request waits. */
static bool judge_rights(struct api *api, struct request *request, uint64_t now_usec)
{
        struct connection *connection = request->connection;
        uint64_t names_until_usec, groups_until_usec;

        if (connection->rights_generation == api->rights_generation &&
            now_usec < connection->rights_until_usec) {
                return true;
        }
        if (!complete_names(api, request, now_usec, &names_until_usec) ||
            !complete_groups(api, request, now_usec, &groups_until_usec)) {
                return false;
        }
        struct access_rights rights = access_judge(api->settings, &connection->peer);
        connection->may_use = rights.use;
        connection->may_operate = rights.operate;
        connection->may_reload = rights.reload;
        connection->rights_generation = api->rights_generation;
        connection->rights_until_usec = MIN_OF(names_until_usec, groups_until_usec);
        return true;
}

/* Refused so far: somebody may be making this user a member right now. */
static void doubt_groups(struct api *api, struct connection *connection)
{
        if (connection->peer.known && connection->peer.tcp) {
                uint64_t until_usec = user_groups_doubt(api->user_groups, connection->peer.uid);
                connection->rights_until_usec = MIN_OF(connection->rights_until_usec, until_usec);
        }
}

/* Has this caller any right that this path is about? Who may reload only is nobody elsewhere. */
static bool has_right(const struct connection *connection, const struct route *route)
{
        return connection->may_use || connection->may_operate ||
               (connection->may_reload && route && route->id == ROUTE_RELOAD);
}

/* Who is calling, and what do the headers tell? route: NULL if there is no such path. False: answered, or
 * waiting. */
static bool admit(struct api *api, struct request *request, const struct route *route, uint64_t now_usec)
{
        struct connection *connection = request->connection;
        bool health = route && route->health;
        struct guard_refusal refusal;

        if (!health && !judge_rights(api, request, now_usec)) {
                return false;
        }
        if (!health && !connection->peer.known) {
                char message[256];
                (void)snprintf(
                        message, sizeof(message),
                        "the kernel does not tell who is calling (%s): call from the same host and network "
                        "namespace, or use the unix socket",
                        connection->peer.why ? connection->peer.why : "no reason");
                refuse(api, request, 403, "caller_unknown", message, /* close= */ true, now_usec);
                return false;
        }
        if (!health && !has_right(connection, route)) {
                doubt_groups(api, connection);
                refuse(api, request, 403, "caller_refused",
                       "this user may use no environment: an administrator can allow it with 'allow =' in "
                       "the "
                       "configuration, or by adding the user to the group eqp-broker",
                       /* close= */ true, now_usec);
                return false;
        }
        bool under_v1 = strncmp(request->target, "/v1/", 4) == 0;
        if (!guard_check(&request->facts, &connection->place, under_v1, &refusal)) {
                refuse(api, request, refusal.status, refusal.slug, refusal.message, refusal.close, now_usec);
                return false;
        }
        if (!health && !connection_find_place(connection)) {
                refuse(api, request, 429, "too_many_connections",
                       "there are too many open connections, in all or of this user: reuse or close some",
                       /* close= */ true, now_usec);
                return false;
        }
        return true;
}

/* Is the request well-formed for its route? False: answered. */
static bool check_form(struct api *api, struct request *request)
{
        const struct route *route = request->match.route;
        enum token_form form;

        if (route->id == ROUTE_UPSTREAM) {
                return true; /* whatever it is, we have not got it */
        }
        if (!route_allows(route, request->method)) {
                char message[96];
                (void)snprintf(message, sizeof(message), "this path takes %s only", route->allow);
                fail(api, request, 405, "method_not_allowed", message);
                return false;
        }
        if (request->body_too_large) {
                fail(api, request, 413, "body_too_large",
                     "the body is over 8192 bytes: nothing here takes that much");
                return false;
        }
        if (request->method != METHOD_POST && request->body_length > 0) {
                fail(api, request, 400, "bad_request", "a GET or HEAD request must not have a body");
                return false;
        }
        if (route->id != ROUTE_TOKEN && route_target_has_query(request->target)) {
                fail(api, request, 400, "bad_request", "this path takes no query");
                return false;
        }
        /* The EQP API is not known to look at Accept. */
        if (!route->health && !request->as_upstream &&
            !media_type_choose(request->facts.accept, route->id == ROUTE_TOKEN, &form)) {
                fail(api, request, 406, "not_acceptable",
                     route->id == ROUTE_TOKEN
                             ? "the answer can be application/json or text/plain: accept one of them"
                             : "the answer is application/json: accept it");
                return false;
        }
        return true;
}

/* Finds the environment, and whether the caller may do this with it. False: answered. */
static bool find_environment(struct api *api, struct request *request, uint64_t now_usec)
{
        char message[160];

        for (size_t i = 0; i < api->n_environments; i++) {
                if (streq(api->environments[i]->name, request->match.environment)) {
                        const struct connection *connection = request->connection;
                        bool operating = request->match.route->id == ROUTE_REFRESH;
                        uint32_t may = operating ? connection->may_operate : connection->may_use;
                        if (!(may & (UINT32_C(1) << i))) {
                                doubt_groups(api, request->connection);
                                (void)snprintf(message, sizeof(message),
                                               "this user may not %s %s: see '%s =' in the "
                                               "configuration",
                                               operating ? "refresh" : "use", request->match.environment,
                                               operating ? "operators" : "allow");
                                refuse(api, request, 403, "caller_refused", message, false, now_usec);
                                return false;
                        }
                        request->environment = api->environments[i];
                        request->environment_index = i;
                        return true;
                }
        }
        (void)snprintf(message, sizeof(message),
                       "there is no environment '%s': see /v1/status for those there are, or add a section "
                       "[environment %s]",
                       request->match.environment, request->match.environment);
        fail(api, request, 404, "unknown_environment", message);
        return false;
}

/* May he, if it is that? False: answered. */
static bool check_reload(struct api *api, struct request *request, uint64_t now_usec)
{
        if (request->match.route->id != ROUTE_RELOAD || request->connection->may_reload) {
                return true;
        }
        refuse(api, request, 403, "caller_refused",
               "this user may not have the configuration read again: see 'operators =' in [broker] of the "
               "configuration",
               false, now_usec);
        return false;
}

/* The client has our address as its base URL, and asks for more than its token. */
static void say_what_is_not_here(struct api *api, struct request *request)
{
        char message[512];

        (void)snprintf(message, sizeof(message),
                       "the broker answers POST /%s/rest/v1/app/session/token only, and passes no other "
                       "request on: "
                       "send this one to %s, with the same token",
                       request->environment->name, request->environment->settings->base_url);
        fail(api, request, 404, "unknown_path", message);
}

static void go_to_route(struct api *api, struct request *request, uint64_t now_usec)
{
        struct answer answer = { 0 };

        switch (request->match.route->id) {
        case ROUTE_TOKEN:
                token_request_get(api, request, now_usec);
                return;
        case ROUTE_TOKEN_REJECTED:
                token_request_rejected(api, request, now_usec);
                return;
        case ROUTE_REFRESH:
                token_request_refresh(api, request, now_usec);
                return;
        case ROUTE_SESSION_TOKEN:
                session_request(api, request, now_usec);
                return;
        case ROUTE_UPSTREAM:
                say_what_is_not_here(api, request);
                return;
        case ROUTE_RELOAD:
                reload_request(api, request, now_usec);
                return;
        case ROUTE_STATUS:
                answer = status_answer(api, request->connection->may_use | request->connection->may_operate,
                                       now_usec);
                break;
        case ROUTE_READY:
                answer = ready_answer(api, now_usec);
                break;
        case ROUTE_METRICS:
                answer = metrics_answer(api, now_usec);
                break;
        case ROUTE_LIVE: {
                struct json_object *json = json_object_new_object();
                json_put(json, "live", json_object_new_boolean(true));
                answer = (struct answer){ 200, answer_json(json, /* secret= */ false) };
                break;
        }
        }
        request_answer(request, answer.status, answer.response);
}

/* A request seen for the first time. */
static void begin(struct api *api, struct request *request, uint64_t now_usec)
{
        struct route_match match = { 0 };
        int r = request->target_too_long ? -EINVAL : route_find(request->target, &match);

        api->n_requests += !request->counted; /* it may begin anew, as a reload or his groups may have it */
        request->counted = true;
        if (r == 0 && match.route->id == ROUTE_METRICS && !api->settings->metrics) {
                r = -ENOENT;
        }
        if (!admit(api, request, r == 0 ? match.route : NULL, now_usec)) {
                return;
        }
        if (r == -EINVAL) {
                fail(api, request, 400, "bad_request",
                     "the path is not spelt as paths are here: plain segments, no percent-encoding, no "
                     "empty or dot "
                     "segments, at most 256 bytes");
                return;
        }
        if (r < 0) {
                fail(api, request, 404, "unknown_path",
                     request->as_upstream
                             ? "the base URL names no environment: write it behind the address, as in "
                               "http://127.0.0.1:9377/sandbox"
                             : "there is no such path: see eqp-brokerd(8) for those there are");
                return;
        }
        request->match = match;
        request->wait_until_usec = 0;
        request->min_ttl_sec = 0;
        if (check_form(api, request) && check_reload(api, request, now_usec) &&
            (!*match.environment || find_environment(api, request, now_usec))) {
                go_to_route(api, request, now_usec);
        }
}

void api_on_request(struct request *request, uint64_t now_usec, void *userdata)
{
        struct api *api = userdata;

        if (request->match.route) {
                go_to_route(api, request, now_usec); /* it waited */
        } else {
                begin(api, request, now_usec);
        }
}

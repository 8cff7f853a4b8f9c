/* The HTTP interface: every request passes the same checks in the same order, then goes to its route.
 *
 * First who is calling, then what the request looks like, then what it asks for: a caller without any right
 * learns nothing of what there is. */
#include "daemon/frontend/api/api.h"

#include "daemon/base/events.h"
#include "daemon/frontend/api/carried_request.h"
#include "daemon/frontend/api/eqp_session_request.h"
#include "daemon/frontend/api/live_request.h"
#include "daemon/frontend/api/metrics.h"
#include "daemon/frontend/api/refresh_request.h"
#include "daemon/frontend/api/refusal.h"
#include "daemon/frontend/api/reload_request.h"
#include "daemon/frontend/api/report_request.h"
#include "daemon/frontend/api/sightings.h"
#include "daemon/frontend/api/status_answer.h"
#include "daemon/frontend/api/token_request.h"
#include "daemon/frontend/callers/access.h"
#include "daemon/frontend/callers/audit.h"
#include "daemon/frontend/http/answer.h"
#include "daemon/frontend/http/connections.h"
#include "daemon/frontend/http/http_server.h"
#include "daemon/frontend/http/media_type.h"
#include "daemon/frontend/http/room.h"
#include "lib/json_form.h"
#include "lib/util.h"

#include <errno.h>
#include <stdio.h>

/* To a client of the EQP API in that one's form. */
static struct answer make_error(const struct request *request, unsigned status, const char *slug,
                                const char *message, uint32_t retry_after_sec, const char *allow, bool close)
{
        return request->as_upstream
                       ? answer_error_as_upstream(status, slug, message, retry_after_sec, allow, close)
                       : answer_error_with(status, slug, message, retry_after_sec, allow, close);
}

static void refuse(struct api *api, struct request *request, unsigned status, const char *slug,
                   const char *message, bool close, uint64_t now_usec)
{
        struct answer answer =
                make_error(request, status, slug, message, status == 429 ? 1 : ANSWER_NO_RETRY, NULL, close);
        const struct audit_caller caller = connection_caller(request->connection);

        api->n_refused++;
        audit_refused(api->audit, &caller, EVENT_CALLER_REFUSED, slug, now_usec);
        request_answer(request, answer.status, answer.response);
}

static void fail(struct api *api, struct request *request, unsigned status, const char *slug,
                 const char *message)
{
        struct answer answer = make_error(request, status, slug, message, ANSWER_NO_RETRY,
                                          status == 405 ? request->match.route->allow : NULL, false);

        api->n_errors++;
        request_answer(request, answer.status, answer.response);
}

/* The rights of this connection's caller. False: the request waits. */
static bool judge_rights(struct api *api, struct request *request, uint64_t now_usec)
{
        bool last_time = request->cut_short && now_usec >= request->wait_until_usec;
        uint64_t until_usec;

        if (caller_judge(&request->connection->caller, api->known, now_usec, last_time, &request->waiter,
                         &until_usec)) {
                return true;
        }
        request_wait(request, until_usec);
        return false;
}

/* Has this caller any right that this path is about? A caller that may reload only is nobody elsewhere. */
static bool has_right(const struct caller *caller, const struct route *route)
{
        return caller->may_use || caller->may_operate ||
               (caller->may_reload && route && route->id == ROUTE_RELOAD);
}

bool api_passes_on(const struct api *api, const char *environment)
{
        const struct access_settings *settings = api->known->settings;

        for (size_t i = 0; api->passer.on_request && i < settings->n_environments; i++) {
                if (streq(settings->environments[i].name, environment)) {
                        return settings->environments[i].gateway && known_find(api->known, environment) >= 0;
                }
        }
        return false;
}

/* Is this one that is passed on? Then the gateway's rules say who may, and it finds a place for those. A
 * reload may have turned the gateway off while the request waited at its head. */
static bool is_passed_on(const struct api *api, const struct request *request)
{
        return request->phase != REQUEST_WHOLE &&
               (request->flow ||
                (request->environment && api_passes_on(api, request->environment->view.name)));
}

/* Who is calling, what do the headers tell, and what does the request carry? match->route: NULL if there is
 * no such path. False: answered, or waiting. */
static bool admit(struct api *api, struct request *request, const struct route_match *match,
                  uint64_t now_usec)
{
        struct connection *connection = request->connection;
        const struct route *route = match->route;
        bool health = route && route->health, carries = !health && carried_request_counts(request);
        struct guard_refusal refusal;

        if (!health && !judge_rights(api, request, now_usec)) {
                return false;
        }
        if (!health && !connection->caller.peer.known) {
                char message[256];
                (void)snprintf(
                        message, sizeof(message),
                        "the kernel does not identify the caller (%s): call from the same host and network "
                        "namespace, or use the unix socket",
                        connection->caller.peer.why ? connection->caller.peer.why : "no reason");
                refuse(api, request, 403, "caller_unknown", message, /* close= */ true, now_usec);
                return false;
        }
        bool passed_on = is_passed_on(api, request);
        if (!health && !passed_on && !has_right(&connection->caller, route) && !carries) {
                char message[REFUSAL_MAX];
                caller_doubt(&connection->caller, api->known, now_usec);
                refuse(api, request, 403, "caller_refused",
                       refusal_of_everything(&connection->caller, message), /* close= */ true, now_usec);
                return false;
        }
        bool needs_client = !carries && strncmp(request->target, "/v1/", 4) == 0;
        if (!request->as_before &&
            !guard_check(&request->facts, &connection->place, needs_client, &refusal)) {
                refuse(api, request, refusal.status, refusal.slug, refusal.message, refusal.close, now_usec);
                return false;
        }
        if (carries && !carried_request_look(api, request, match->environment, now_usec)) {
                return false;
        }
        if (!health && !passed_on && !room_find(connection, now_usec)) {
                if (room_wait(request, now_usec)) {
                        return false;
                }
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

        if (request->as_before) {
                return true;
        }
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
        if (!route_takes_query(route, request->target)) {
                fail(api, request, 400, "bad_request",
                     route->id == ROUTE_REFRESH ? "this path takes no query but " ROUTE_QUERY_NEW_ACCOUNT
                                                : "this path takes no query");
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
        if (route->id == ROUTE_TOKEN) {
                same_head_keep(&request->same, &request->head, &request->facts, &request->match);
        }
        return true;
}

/* Finds the environment, and whether the caller may do this with it. False: answered. */
static bool find_environment(struct api *api, struct request *request, uint64_t now_usec)
{
        struct caller *caller = &request->connection->caller;
        bool operating = request->match.route->id == ROUTE_REFRESH,
             local = request->carried.kind == CARRIED_LOCAL;
        const char *name = request->match.environment;
        int at = known_find(api->known, name);
        char message[REFUSAL_MAX];

        if (at < 0) {
                (void)snprintf(
                        message, sizeof(message),
                        "there is no environment '%s': 'eqpctl status' and /v1/status list those there "
                        "are, or add a section [environment %s]",
                        name, name);
                fail(api, request, 404, "unknown_environment", message);
                return false;
        }
        uint32_t may = !operating ? carried_request_may_use(api, request) : local ? 0 : caller->may_operate;
        if (!(may & (UINT32_C(1) << at))) {
                caller_doubt(caller, api->known, now_usec);
                refuse(api, request, 403, "caller_refused",
                       refusal_of_environment(caller, name, operating, local, message), false, now_usec);
                return false;
        }
        request->environment = api->known->environments[at];
        request->environment_index = (size_t)at;
        return true;
}

/* May the caller, if it is that? False: answered. */
static bool check_reload(struct api *api, struct request *request, uint64_t now_usec)
{
        bool may = request->connection->caller.may_reload && request->carried.kind != CARRIED_LOCAL;

        if (request->match.route->id != ROUTE_RELOAD || may) {
                return true;
        }
        caller_doubt(&request->connection->caller, api->known, now_usec);
        refuse(api, request, 403, "caller_refused",
               "this user may not have the configuration read again: see 'operators =' in [broker] of the "
               "configuration",
               false, now_usec);
        return false;
}

/* The client has our address as its base URL, and asks for more than its token. */
static void say_what_is_not_here(struct api *api, struct request *request, uint64_t now_usec)
{
        const struct environment_view *view = &request->environment->view;
        char message[512];

        (void)snprintf(message, sizeof(message),
                       "the gateway of %s is off: set 'gateway = yes' in [environment %s], or send this "
                       "request to %s with the real token",
                       view->name, view->name, view->base_url);
        refuse(api, request, 404, "gateway_off", message, /* close= */ false, now_usec);
}

static void go_to_route(struct api *api, struct request *request, uint64_t now_usec)
{
        const struct caller *caller = &request->connection->caller;
        uint32_t may_see = carried_request_may_use(api, request) |
                           (request->carried.kind == CARRIED_LOCAL ? 0 : caller->may_operate);
        struct answer answer = { 0 };

        switch (request->match.route->id) {
        case ROUTE_TOKEN:
                token_request_get(api, request, now_usec);
                return;
        case ROUTE_TOKEN_REJECTED:
                report_request(api, request, now_usec);
                return;
        case ROUTE_REFRESH:
                refresh_request(api, request, now_usec);
                return;
        case ROUTE_SESSION_TOKEN:
                eqp_session_request(api, request, now_usec);
                return;
        case ROUTE_UPSTREAM:
                if (is_passed_on(api, request)) {
                        api->passer.on_request(request, now_usec, api->passer.userdata);
                        return;
                }
                say_what_is_not_here(api, request, now_usec);
                return;
        case ROUTE_RELOAD:
                reload_request(api, request, now_usec);
                return;
        case ROUTE_STATUS:
                answer = status_answer(api, may_see, now_usec);
                break;
        case ROUTE_READY:
                answer = ready_answer(api, now_usec);
                break;
        case ROUTE_METRICS:
                answer = metrics_answer(api, now_usec);
                break;
        case ROUTE_LIVE:
                live_request(api, request, now_usec);
                return;
        }
        request_answer(request, answer.status, answer.response);
}

/* The findings stay, if it has to wait: the gateway goes on where it was. */
static void begin_passing_on(struct api *api, struct request *request, const struct route_match *match,
                             uint64_t now_usec)
{
        size_t at = (size_t)known_find(api->known, match->environment);

        request->match = *match;
        request->environment = api->known->environments[at];
        request->environment_index = at;
        if (admit(api, request, match, now_usec)) {
                request->cut_short = false;
                api->passer.on_request(request, now_usec, api->passer.userdata);
        } else if (request->status == 0) {
                request->match.route = NULL; /* it waits, and is looked at from the start then */
                request->environment = NULL;
        }
}

/* A request seen for the first time, or for the first time since a reload: it may be refused now, or go on
 * waiting where it was. */
static void begin(struct api *api, struct request *request, uint64_t now_usec)
{
        struct route_match match = request->same.match; /* of one that is the same */
        bool early = request->phase != REQUEST_WHOLE;
        int r = 0;

        if (!request->as_before) {
                match = (struct route_match){ 0 };
                r = request->target_too_long && !early ? -EINVAL
                                                       : route_find(request_target(request), &match);
        }

        api->n_requests += !request->counted; /* it may begin anew, after a reload or new groups */
        request->counted = true;
        if (r == 0 && match.route->id == ROUTE_METRICS && !api->known->settings->metrics) {
                r = -ENOENT;
        }
        if (r == 0 && early && api_passes_on(api, match.environment)) {
                begin_passing_on(api, request, &match, now_usec);
                return;
        }
        if (r < 0) {
                match = (struct route_match){ .route = NULL };
        }
        if (!admit(api, request, &match, now_usec)) {
                return;
        }
        if (r < 0) {
                sightings_note_refused(api, request, match.environment, now_usec);
        }
        if (r == -EINVAL) {
                fail(api, request, 400, "bad_request",
                     "the path is not spelt as paths are here: plain segments, no percent-encoding, no "
                     "empty or dot segments, at most 256 bytes");
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
        request->cut_short =
                false; /* a wait for groups or names may have been: it says nothing of the next */
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

void api_forget_answers(struct api *api)
{
        for (size_t i = 0; i < ARRAY_SIZE(api->answers); i++) {
                token_answers_clear(&api->answers[i]);
        }
}

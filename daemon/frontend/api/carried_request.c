/* Rights that a request carries instead of its caller's.
 *
 * On TCP a URL can forge ID and password, and an attacker who has others fetch URLs can forge a body; nobody
 * can forge a secret, or the header EQP-Client. So one of both has to be there. */
#include "daemon/frontend/api/carried_request.h"

#include "daemon/base/clock.h"
#include "daemon/base/events.h"
#include "daemon/frontend/api/sightings.h"
#include "daemon/frontend/callers/access.h"
#include "daemon/frontend/http/answer.h"
#include "daemon/frontend/http/connection.h"
#include "daemon/frontend/http/http_server.h"
#include "lib/util.h"

#include <stdio.h>
#include <strings.h>

static bool is_under_v1(const struct request *request)
{
        return strncmp(request->target, "/v1/", strlen("/v1/")) == 0;
}

bool carried_request_counts(const struct request *request)
{
        return request->as_upstream || (request->facts.authorization && is_under_v1(request));
}

/* ---- refusing ---- */

static bool asks_for_token(const struct request *request)
{
        return strstr(request->target, "/app/session/token") != NULL;
}

void carried_request_refuse(struct api *api, struct request *request, const struct carried_key *refused,
                            uint64_t now_usec)
{
        const struct audit_caller caller = connection_caller(request->connection);
        uint32_t retry_sec = refused->kind == CARRIED_SLOW ? refused->retry_after_sec : ANSWER_NO_RETRY;
        /* Whatever else is refused, is refused to the caller, for lack of a right or as a forgery. */
        bool of_local_key = refused->status == 401 || refused->kind == CARRIED_SLOW;
        bool close = !caller_has_right(&request->connection->caller); /* it is not to keep a place */
        struct answer answer = request->as_upstream
                                       ? answer_error_as_upstream(refused->status, refused->slug,
                                                                  refused->message, retry_sec, NULL, close)
                                       : answer_error_with(refused->status, refused->slug, refused->message,
                                                           retry_sec, NULL, close);

        if (answer.response && refused->status == 401) {
                /* RFC 9110, section 15.5.2. Some libraries send a password only when they are asked for it.
                 */
                (void)MHD_add_response_header(answer.response, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
                                              asks_for_token(request) ? "Basic realm=\"EQP API\""
                                                                      : "Bearer realm=\"EQP API\"");
        }
        api->n_refused++;
        audit_refused(api->audit, &caller, of_local_key ? EVENT_LOCAL_KEY_REFUSED : EVENT_CALLER_REFUSED,
                      refused->slug, now_usec);
        request_answer(request, answer.status, answer.response);
}

static bool refuse_caller(struct api *api, struct request *request, const char *message, uint64_t now_usec)
{
        const struct carried_key refused = {
                .kind = CARRIED_REFUSED, .status = 403, .slug = "caller_refused", .message = message
        };

        carried_request_refuse(api, request, &refused, now_usec);
        return false;
}

/* Nothing but a local key would do, and there is none. */
static bool refuse_without(struct api *api, struct request *request, uint64_t now_usec)
{
        static const struct carried_key no_pair = {
                .kind = CARRIED_REFUSED,
                .status = 401,
                .slug = "local_key_refused",
                .message =
                        "Basic authentication with ID and secret of a local key is missing: 'eqpctl local "
                        "add' makes one; or send the header EQP-Client, or use the unix socket",
        };
        static const struct carried_key no_bearer = {
                .kind = CARRIED_REFUSED,
                .status = 401,
                .slug = "bearer_missing",
                .message =
                        "there is no token: get one from /rest/v1/app/session/token with ID and secret of "
                        "a local key, and send it as 'Authorization: Bearer'",
        };
        static const struct carried_key other_bearer = {
                .kind = CARRIED_REFUSED,
                .status = 401,
                .slug = "bearer_unknown",
                .message = "this broker did not issue the token: get one from /rest/v1/app/session/token "
                           "with ID and secret of a local key",
        };
        const struct carried_key *refused = asks_for_token(request)                    ? &no_pair
                                            : request->carried.kind == CARRIED_NOTHING ? &no_bearer
                                                                                       : &other_bearer;

        carried_request_refuse(api, request, refused, now_usec);
        return false;
}

/* ---- looking ---- */

static int look(struct api *api, struct request *request, const char *environment, bool must,
                uint64_t now_usec)
{
        struct rule_group_list room;
        struct caller_identity caller;
        const struct local_look look = { &caller, now_usec, clock_wall_sec(), must };
        int at = *environment ? known_find(api->known, environment) : -1;

        if (request->carried.kind == CARRIED_LOCAL) {
                return 0; /* it waited for a place meanwhile */
        }
        caller_identify(&request->connection->caller, api->known, &room, &caller);
        return local_keys_look(&api->local_keys, api->known, at, request->facts.authorization, &look,
                               &request->carried);
}

/* Under /v1/ are real tokens. */
static bool admit_to_v1(struct api *api, struct request *request, uint64_t now_usec)
{
        const struct local_key *key = request->carried.key;
        char message[192];

        if (!key->real || request->carried.by_token) {
                return refuse_caller(api, request,
                                     "local keys whose tokens are opaque open nothing under /v1/: leave the "
                                     "Authorization header out, or set 'token = real' for the key",
                                     now_usec);
        }
        if (carried_request_may_use(api, request) == 0) {
                (void)snprintf(message, sizeof(message),
                               "the local key %s opens nothing under /v1/: allow it with 'allow = local:%s' "
                               "in the section of its environment",
                               key->name, key->name);
                return refuse_caller(api, request, message, now_usec);
        }
        return true;
}

/* It is the caller's right that counts. */
static bool admit_caller(struct api *api, struct request *request, uint64_t now_usec)
{
        struct connection *connection = request->connection;
        struct guard_refusal refusal;

        /* Where the gateway's rules decide, the right to a token is not asked for. */
        if (!caller_has_right(&connection->caller) && request->phase == REQUEST_WHOLE) {
                caller_doubt(&connection->caller, api->known, now_usec);
                return refuse_caller(
                        api, request,
                        "this user has no access: an administrator can run 'usermod -aG "
                        "eqp-broker USER', or name the user with 'allow =' in the configuration",
                        now_usec);
        }
        if (!request->as_upstream && !guard_check(&request->facts, &connection->place,
                                                  /* needs_client= */ true, &refusal)) {
                const struct carried_key refused = { .kind = CARRIED_REFUSED,
                                                     .status = refusal.status,
                                                     .slug = refusal.slug,
                                                     .message = refusal.message };
                carried_request_refuse(api, request, &refused, now_usec);
                return false;
        }
        return true;
}

bool carried_request_look(struct api *api, struct request *request, const char *environment,
                          uint64_t now_usec)
{
        bool must = request->as_upstream && request->connection->place.tcp && request->facts.n_clients == 0;

        int r = look(api, request, environment, must, now_usec);
        if (r < 0) {
                request_answer(request, 500, NULL); /* the connection ends */
                return false;
        }
        switch (request->carried.kind) {
        case CARRIED_REFUSED:
        case CARRIED_SLOW: {
                const struct carried_key refused = request->carried;
                caller_doubt(&request->connection->caller, api->known, now_usec); /* of `caller = group:` */
                sightings_note_refused(api, request, environment, now_usec);
                carried_request_refuse(api, request, &refused, now_usec);
                return false;
        }
        case CARRIED_LOCAL:
                return request->as_upstream || admit_to_v1(api, request, now_usec);
        default:
                if (!must) {
                        return admit_caller(api, request, now_usec);
                }
                sightings_note_refused(api, request, environment, now_usec);
                return refuse_without(api, request, now_usec);
        }
}

uint32_t carried_request_may_use(const struct api *api, const struct request *request)
{
        const struct local_key *key = request->carried.kind == CARRIED_LOCAL ? request->carried.key : NULL;

        if (!key) {
                return request->connection->caller.may_use;
        }
        int at = known_find(api->known, key->environment);
        uint32_t its_own = at >= 0 ? UINT32_C(1) << at : 0;
        return request->as_upstream ? its_own
                                    : its_own & access_judge_local(api->known->settings, key->name);
}

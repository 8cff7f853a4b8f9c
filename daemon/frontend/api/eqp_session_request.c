/* What the EQP API itself would answer.
 *
 * A client of the EQP API is given our address as its base URL, and any application ID and secret: it asks
 * for a session as ever, and gets the one that is in hand. Its ID becomes its name in the log, if it is a
 * name. */
#include "daemon/frontend/api/eqp_session_request.h"

#include "daemon/frontend/api/token_answer.h"
#include "daemon/frontend/api/token_request.h"
#include "daemon/frontend/http/answer.h"
#include "daemon/frontend/http/basic_auth.h"
#include "daemon/frontend/http/http_server.h"
#include "daemon/frontend/http/request_body.h"
#include "lib/token_exchange.h"
#include "lib/util.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* What a client is told that does not say how long a life it wants. Some keep it in a timer of milliseconds,
 * which ends at 24.8 days. */
#define LIFE_UNASKED_SEC (24 * 3600)

/* Without memory for it nobody knows what the request is, so nothing is said of it. */
static void drop(struct request *request)
{
        request_answer(request, 500, NULL);
}

static void refuse(struct api *api, struct request *request, unsigned status, const char *message)
{
        struct answer answer = answer_error(status, /* slug= */ NULL, message);

        if (status == 401 && answer.response) {
                /* RFC 9110, section 15.5.2. Some libraries send a password only when they are asked for it.
                 */
                (void)MHD_add_response_header(answer.response, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
                                              "Basic realm=\"EQP API\"");
        }
        api->n_errors++;
        request_answer(request, answer.status, answer.response);
}

static void serve_as_upstream(struct api *api, struct request *request, struct session *session,
                              uint64_t now_usec)
{
        token_request_note(api, request, session, now_usec);
        request_answer(request, 200, token_answer_upstream(session, request->at_most_sec, now_usec));
}

/* What the client calls its application ID is taken for its name, if it is plainly one. A real ID is none:
 * names are logged. One that may be real is told by a digest; of one that we hold nothing is said. */
static void take_name(struct api *api, struct request *request, const char *id)
{
        char *name = request->client_from_id;

        if (*id == '\0' || known_is_id(api->known, id)) {
                return;
        }
        if (client_name_is_plain(id)) {
                (void)snprintf(name, sizeof(request->client_from_id), "%s", id);
        } else {
                uint32_t digest = 0;
                if (known_digest(api->known, id, &digest) < 0) {
                        return;
                }
                (void)snprintf(name, sizeof(request->client_from_id), "id-%08" PRIx32, digest);
        }
        request->facts.client = name;
        request->facts.n_clients = 1;
}

static bool take_client_name(struct api *api, struct request *request)
{
        _cleanup_free_ char *id = NULL;
        int r = basic_auth_id(request->facts.authorization, &id);

        if (r == -ENOMEM) {
                drop(request);
                return false;
        }
        if (r < 0) {
                refuse(api, request, 401,
                       "Basic authentication is missing: any application ID and secret will do; if the ID "
                       "is "
                       "a name, it becomes the client's");
                return false;
        }
        if (request->facts.n_clients == 0) {
                take_name(api, request, id);
        }
        return true;
}

static bool take_body(struct api *api, struct request *request)
{
        struct json_object *json = NULL, *grant_type = NULL;
        int r = request_body_parse(request, &json);

        if (r == -ENOMEM) {
                drop(request);
                return false;
        }
        if (r < 0) {
                refuse(api, request, 400,
                       "the body must be a JSON object like {\"grant_type\": \"session\"}");
                return false;
        }
        bool right = json_object_object_get_ex(json, "grant_type", &grant_type) &&
                     json_object_is_type(grant_type, json_type_string) &&
                     json_object_get_string_len(grant_type) == (int)strlen("session") &&
                     streq(json_object_get_string(grant_type), "session");
        if (token_exchange_lifetime(json, &request->at_most_sec) < 0) {
                request->at_most_sec = LIFE_UNASKED_SEC;
        }
        json_object_put(json);
        if (!right) {
                refuse(api, request, 400, "grant_type must be \"session\"");
        }
        return right;
}

void eqp_session_request(struct api *api, struct request *request, uint64_t now_usec)
{
        if (token_request_is_new(request)) {
                if (!take_client_name(api, request) || !take_body(api, request)) {
                        return;
                }
                request->min_ttl_sec = 0;
                /* It would wait for the EQP API as well, and knows nothing of tokens that are on their way.
                 */
                request->patience_usec =
                        usec_add(now_usec, request->environment->view.exchange_timeout_usec);
        }
        token_request_serve(api, request, now_usec, serve_as_upstream);
}

/* The answer of the EQP API itself.
 *
 * A client of the EQP API is given our address as its base URL, and a local key for its application ID and
 * secret: it asks for a session as ever, and gets a token of that key, or the real one where the key has
 * `token = real`. Callers whom the kernel's word is enough for (on the unix socket, or with EQP-Client) may
 * send any ID and secret, and get the real one: their ID becomes their name in the log, if it is a name. */
#include "daemon/frontend/api/eqp_session_request.h"

#include "daemon/base/clock.h"
#include "daemon/frontend/api/carried_request.h"
#include "daemon/frontend/api/sightings.h"
#include "daemon/frontend/api/token_answer.h"
#include "daemon/frontend/api/token_request.h"
#include "daemon/frontend/callers/basic_auth.h"
#include "daemon/frontend/callers/opaque_tokens.h"
#include "daemon/frontend/http/answer.h"
#include "daemon/frontend/http/connection.h"
#include "daemon/frontend/http/http_server.h"
#include "daemon/frontend/http/request_body.h"
#include "lib/token_exchange.h"
#include "lib/util.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* The life for a client that does not ask for one. Some keep it in a timer of milliseconds,
 * which ends at 24.8 days. */
#define LIFE_UNASKED_SEC (24 * 3600)
#define NAME_MAX_LENGTH  24 /* characters of an ID that is taken for a name */

/* Without memory for it nobody knows what the request is, so nothing is said of it. */
static void drop(struct request *request)
{
        request_answer(request, 500, NULL);
}

static void refuse(struct api *api, struct request *request, unsigned status, const char *slug,
                   const char *message, uint32_t retry_after_sec)
{
        struct answer answer = answer_error_as_upstream(status, slug, message, retry_after_sec, NULL, false);

        api->n_errors++;
        request_answer(request, answer.status, answer.response);
}

static void refuse_unnamed(struct api *api, struct request *request, const char *message, uint64_t now_usec)
{
        const struct carried_key refused = {
                .kind = CARRIED_REFUSED, .status = 401, .slug = "local_key_refused", .message = message
        };

        carried_request_refuse(api, request, &refused, now_usec);
}

/* ---- tokens ---- */

static void serve_real(struct api *api, struct request *request, struct session *session, uint64_t now_usec)
{
        token_request_note(api, request, session, /* opaque= */ false, now_usec);
        request_answer(request, 200, token_answer_upstream(session, request->at_most_sec, now_usec));
}

/* How long an opaque token is to live: as long as it is asked for, a day at most, and no longer than its
 * key.
 */
static int64_t opaque_life(const struct request *request, int64_t now_sec)
{
        const struct local_key *key = request->carried.key;
        int64_t life_sec = MIN_OF(request->at_most_sec, (uint32_t)OPAQUE_TOKEN_LIFE_MAX_SEC);

        return key->expires_sec == 0 ? life_sec : MIN_OF(life_sec, key->expires_sec - now_sec);
}

static void serve_opaque(struct api *api, struct request *request, struct session *session,
                         uint64_t now_usec)
{
        const struct local_key *key = request->carried.key;
        char token[OPAQUE_TOKEN_TEXT_MAX + 1];
        int64_t now_sec = clock_wall_sec(), life_sec = opaque_life(request, now_sec);

        if (life_sec <= 0) {
                refuse_unnamed(api, request, "the local key has expired: see 'expires =' in its section",
                               now_usec);
                return;
        }
        int r = opaque_tokens_make(request->environment->opaque, key, request->carried.secret_hash,
                                   request->connection->caller.peer.uid, now_sec + life_sec, token);
        if (r < 0) {
                refuse(api, request, 503, "no_token",
                       "no opaque token can be made at the moment: try again in a second",
                       /* retry_after_sec= */ 1);
                return;
        }
        token_request_note(api, request, session, /* opaque= */ true, now_usec);
        request_answer(request, 200, token_answer_opaque(session, token, (uint32_t)life_sec));
        explicit_bzero(token, sizeof(token));
}

/* ---- who asks ---- */

/* Is it plainly a name, and no key's of any kind? */
static bool is_name(const struct api *api, const char *id)
{
        return strlen(id) <= NAME_MAX_LENGTH && client_name_is_plain(id) &&
               !local_keys_resemble(api->known, id);
}

/* The application ID of the client is taken for its name, if it is plainly one and no key's of any
 * kind: names are logged. One that may be an ID is told by a digest; of one that we hold nothing is said. */
static void take_name(struct api *api, struct request *request, const char *id)
{
        char *name = request->client_from_id;

        if (*id == '\0' || known_is_id(api->known, id)) {
                return;
        }
        if (is_name(api, id)) {
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

static bool take_client_name(struct api *api, struct request *request, uint64_t now_usec)
{
        _cleanup_free_ char *id = NULL;
        uint8_t hash[BASIC_AUTH_HASH_SIZE];
        int r = basic_auth_read(request->facts.authorization, &id, hash);

        if (r == -ENOMEM) {
                drop(request);
                return false;
        }
        if (r < 0) {
                refuse_unnamed(api, request,
                               "Basic authentication is missing: send ID and secret of a local key; on the "
                               "unix socket, or with the header EQP-Client, any ID and secret will do, and "
                               "an ID that is a name becomes the client's",
                               now_usec);
                return false;
        }
        if (*id && !is_name(api, id) && !known_is_id(api->known, id)) {
                sightings_note_unknown_id(request->environment, now_usec);
        }
        if (request->facts.n_clients == 0) {
                take_name(api, request, id);
        }
        return true;
}

/* A token of a local key gets no other one: else it would live for ever. */
static bool take_caller(struct api *api, struct request *request, uint64_t now_usec)
{
        if (request->carried.kind != CARRIED_LOCAL) {
                return take_client_name(api, request, now_usec);
        }
        if (request->carried.by_token) {
                refuse_unnamed(api, request,
                               "a token is given for ID and secret of a local key, not for another token",
                               now_usec);
                return false;
        }
        return true;
}

/* ---- what it asks for ---- */

static bool take_body(struct api *api, struct request *request)
{
        struct json_object *json = NULL, *grant_type = NULL;
        int r = request_body_parse(request, &json);

        if (r == -ENOMEM) {
                drop(request);
                return false;
        }
        if (r < 0) {
                refuse(api, request, 400, "bad_request",
                       "the body must be a JSON object like {\"grant_type\": \"session\"}", ANSWER_NO_RETRY);
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
                refuse(api, request, 400, "bad_request", "grant_type must be \"session\"", ANSWER_NO_RETRY);
        }
        return right;
}

void eqp_session_request(struct api *api, struct request *request, uint64_t now_usec)
{
        if (token_request_is_new(request)) {
                if (!take_caller(api, request, now_usec) || !take_body(api, request)) {
                        return;
                }
                request->min_ttl_sec = 0;
                /* It would wait for the EQP API as well, and knows nothing of tokens that are on their way.
                 */
                request->patience_usec =
                        usec_add(now_usec, request->environment->view.exchange_timeout_usec);
        }
        bool opaque = request->carried.kind == CARRIED_LOCAL && !request->carried.key->real;
        token_request_serve(api, request, now_usec, opaque ? serve_opaque : serve_real);
}

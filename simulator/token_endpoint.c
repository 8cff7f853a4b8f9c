/* token_endpoint: keys against tokens. The documented part is done so; the shape of its errors is not
 * documented, and guessed here: 401 for a bad key, 400 for a bad body. */
#include "simulator/token_endpoint.h"

#include "lib/util.h"
#include "simulator/api_code.h"
#include "simulator/json_text.h"
#include "simulator/misbehave.h"
#include "simulator/moment.h"
#include "simulator/request.h"

#include <errno.h>
#include <gnutls/gnutls.h>

#define TOKEN_BODY_MAX (64 * 1024)

/* As long as the documented example, from its alphabet. */
#define UST_LENGTH 45

void token_request_done(struct token_request *asked)
{
        free(asked->key_id);
        asked->key_id = NULL;
}

static void deserves(struct token_request *asked, unsigned status, int64_t code, const char *message)
{
        asked->status = status;
        asked->code = code;
        asked->message = message;
}

/* Reads "Basic BASE64" into "ID:SECRET" with a NUL in the colon's place. Returns 0, -EBADMSG or -ENOMEM. */
static int read_basic(const char *header, char **ret_id, const char **ret_secret)
{
        _cleanup_free_ char *text = NULL;
        gnutls_datum_t encoded, decoded = { 0 };
        bool readable;
        char *colon;

        if (!header || strncasecmp(header, "Basic ", 6) != 0) {
                return -EBADMSG;
        }
        header += 6 + strspn(header + 6, " ");
        encoded = (gnutls_datum_t){ .data = (void *)header, .size = (unsigned)strlen(header) };
        if (encoded.size == 0 || gnutls_base64_decode2(&encoded, &decoded) < 0) {
                return -EBADMSG;
        }

        readable = decoded.size > 0 && !memchr(decoded.data, '\0', decoded.size);
        text = readable ? strndup((char *)decoded.data, decoded.size) : NULL;
        gnutls_free(decoded.data);
        if (!text) {
                return readable ? -ENOMEM : -EBADMSG;
        }
        colon = strchr(text, ':');
        if (!colon) {
                return -EBADMSG;
        }

        *colon = '\0';
        *ret_secret = colon + 1;
        *ret_id = take_ptr(text);
        return 0;
}

/* Whether the key opens this environment; the ID is kept for the record either way. */
static int check_key(const struct environment *environment, const struct request *request,
                     struct token_request *asked)
{
        const char *secret;
        const struct key *key;
        int r;

        r = read_basic(request_header(request, "Authorization", NULL), &asked->key_id, &secret);
        if (r == -ENOMEM) {
                return r;
        }
        if (r < 0) {
                deserves(asked, 401, API_CODE_KEY_REFUSED,
                         "An application ID and secret are needed (Basic)");
                return 0;
        }

        key = keys_find(&environment->keys, asked->key_id);
        if (!key || key->refused || !streq(key->secret, secret)) {
                deserves(asked, 401, API_CODE_KEY_REFUSED, "The application ID or secret is not valid");
        }
        return 0;
}

static int check_body(const struct request *request, struct token_request *asked)
{
        _cleanup_(json_putp) struct json_object *body = NULL;
        struct json_object *value;
        const char *grant_type;
        int r;

        r = request->body ? json_read(request->body, request->body_size, &body) : -EBADMSG;
        if (r == -ENOMEM) {
                return r;
        }
        if (r < 0 || !json_object_is_type(body, json_type_object)) {
                deserves(asked, 400, API_CODE_BAD_REQUEST, "The body is not a JSON object");
        } else if (!json_get_text(body, "grant_type", 1, 64, &grant_type) || !streq(grant_type, "session")) {
                deserves(asked, 400, API_CODE_BAD_REQUEST, "grant_type must be \"session\"");
        } else if (json_object_object_get_ex(body, "expires_in", &value) &&
                   !json_is_whole(value, 1, INT64_MAX, &asked->asked_sec)) {
                deserves(asked, 400, API_CODE_BAD_REQUEST, "expires_in must be a whole number from 1 on");
        }
        return 0;
}

int token_endpoint_check(const struct environment *environment, const struct request *request,
                         struct token_request *ret)
{
        _cleanup_(token_request_done) struct token_request asked = { .status = 200 };
        int r;

        if (!streq(request->method, "POST")) {
                deserves(&asked, 405, API_CODE_METHOD, "Only POST is allowed here");
        } else if (request->body_bytes > TOKEN_BODY_MAX) {
                deserves(&asked, 413, API_CODE_TOO_LARGE, "The body is longer than 64 KiB");
        } else {
                r = check_key(environment, request, &asked);
                if (r < 0) {
                        return r;
                }
        }
        if (asked.status == 200) {
                r = check_body(request, &asked);
                if (r < 0) {
                        return r;
                }
        }

        *ret = asked;
        asked.key_id = NULL;
        return 0;
}

/* The token as it goes out is the one that opens the API, however odd a fault has made it. */
static int remember(struct environment *environment, struct json_object *grant, int64_t lifetime_sec)
{
        struct json_object *ust;
        uint64_t expires_usec;

        if (!json_object_object_get_ex(grant, "ust", &ust) || !json_object_is_type(ust, json_type_string)) {
                return 0;
        }
        expires_usec = moment_boottime_usec() + (uint64_t)lifetime_sec * USEC_PER_SEC;
        return tokens_add(environment->tokens, json_object_get_string(ust),
                          (size_t)json_object_get_string_len(ust), expires_usec);
}

int token_endpoint_grant(struct environment *environment, const struct token_request *asked,
                         const struct fault *fault, struct answer **ret)
{
        _cleanup_(json_putp) struct json_object *grant = json_object_new_object();
        int64_t lifetime_sec = environment_grant_sec(environment, asked->asked_sec);
        char ust[UST_LENGTH + 1];
        int r;

        r = random_text(RANDOM_TOKEN, UST_LENGTH, ust);
        if (r < 0) {
                return r;
        }
        if (json_add_text(grant, "mage_id", environment->mage_id) < 0 ||
            json_add_text(grant, "ust", ust) < 0 ||
            json_add(grant, "expires_in", json_object_new_int64(lifetime_sec)) < 0) {
                return -ENOMEM;
        }

        if (fault && fault_stage(fault->kind) == STAGE_GRANT) {
                r = misbehave_grant(fault, grant, &lifetime_sec);
                if (r < 0) {
                        return r;
                }
        }
        r = remember(environment, grant, lifetime_sec);
        if (r < 0) {
                return r;
        }

        environment->counters.granted++;
        return answer_new_json(ret, 200, take_ptr(grant));
}

int token_endpoint_refuse(const struct token_request *asked, struct answer **ret)
{
        _cleanup_(answer_freep) struct answer *answer = NULL;
        int r;

        r = answer_new_error(&answer, asked->status, asked->code, asked->message);
        if (r < 0) {
                return r;
        }
        if (asked->status == 405) {
                answer->allow = strdup("POST");
                if (!answer->allow) {
                        return -ENOMEM;
                }
        }

        *ret = take_ptr(answer);
        return 0;
}

/* Token: one block with all strings behind the struct, so that one explicit_bzero() reaches everything.
 *
 * The rules for its parts are those by which the daemon takes an answer of the EQP API. They are checked
 * here once more, because callers put these strings into headers and URLs. */
#include "client/token.h"

#include "client/answer.h"

#include <errno.h>

#define UST_MAX        4096
#define MAGE_ID_MAX    64
#define BASE_URL_MAX   2048
#define EXPIRES_AT_MAX 64

struct eqp_broker_token {
        size_t size; /* of the whole block */
        unsigned expires_in_sec;
        const char *ust; /* these point into strings */
        const char *mage_id;
        const char *environment;
        const char *base_url;
        const char *expires_at;
        const char *etag;
        char strings[];
};

static bool is_visible_ascii(const char *text, size_t max)
{
        size_t length = strlen(text);

        if (length == 0 || length > max) {
                return false;
        }
        for (size_t i = 0; i < length; i++) {
                if (text[i] <= 0x20 || text[i] >= 0x7f || text[i] == '"') {
                        return false;
                }
        }

        return true;
}

bool ust_is_valid(const char *text)
{
        return is_visible_ascii(text, UST_MAX);
}

static const char *visible_field(struct json_object *object, const char *name, size_t max)
{
        const char *text = field_string(object, name);

        return text && is_visible_ascii(text, max) ? text : NULL;
}

/* Copies text to *end and moves *end behind it. */
static const char *put_string(char **end, const char *text)
{
        size_t size = strlen(text) + 1;
        char *start = *end;

        memcpy(start, text, size);
        *end += size;
        return start;
}

/* json-c gives no way to wipe a string, but a new value of the same length goes where the old one was. */
static void wipe_ust(struct json_object *object)
{
        static const char blank[UST_MAX];
        struct json_object *field;
        int length;

        if (!json_object_object_get_ex(object, "ust", &field)) {
                return;
        }

        length = json_object_get_string_len(field);
        if (length > 0 && length <= UST_MAX) {
                (void)json_object_set_string_len(field, blank, length);
        }
}

int token_from_json(struct eqp_broker_token **ret_token, struct json_object *object, const char *environment,
                    const char *etag)
{
        _cleanup_(token_freep) struct eqp_broker_token *token = NULL;
        const char *ust = visible_field(object, "ust", UST_MAX);
        const char *mage_id = visible_field(object, "mage_id", MAGE_ID_MAX);
        const char *base_url = visible_field(object, "base_url", BASE_URL_MAX);
        const char *expires_at = visible_field(object, "expires_at", EXPIRES_AT_MAX);
        const char *answered_environment = field_string(object, "environment");
        int64_t expires_in;
        size_t size;
        char *end;

        if (!ust || !mage_id || !base_url || !expires_at || !answered_environment ||
            !streq(answered_environment, environment) ||
            field_integer(object, "expires_in", 0, EQP_BROKER_MIN_TTL_MAX_SEC, &expires_in) < 0) {
                return -EPROTO;
        }

        size = sizeof(*token) + strlen(ust) + strlen(mage_id) + strlen(base_url) + strlen(expires_at) +
               strlen(environment) + strlen(etag) + 6;
        token = calloc(1, size);
        if (!token) {
                return -ENOMEM;
        }

        end = token->strings;
        token->size = size;
        token->expires_in_sec = (unsigned)expires_in;
        token->ust = put_string(&end, ust);
        token->mage_id = put_string(&end, mage_id);
        token->environment = put_string(&end, environment);
        token->base_url = put_string(&end, base_url);
        token->expires_at = put_string(&end, expires_at);
        token->etag = put_string(&end, etag);
        wipe_ust(object);

        *ret_token = take_ptr(token);
        return 0;
}

struct eqp_broker_token *eqp_broker_token_free(struct eqp_broker_token *token)
{
        if (token) {
                explicit_bzero(token, token->size);
        }
        free(token);
        return NULL;
}

const char *token_etag(const struct eqp_broker_token *token)
{
        return token->etag;
}

const char *eqp_broker_token_ust(const struct eqp_broker_token *token)
{
        return token->ust;
}

const char *eqp_broker_token_mage_id(const struct eqp_broker_token *token)
{
        return token->mage_id;
}

const char *eqp_broker_token_environment(const struct eqp_broker_token *token)
{
        return token->environment;
}

const char *eqp_broker_token_base_url(const struct eqp_broker_token *token)
{
        return token->base_url;
}

unsigned eqp_broker_token_expires_in_sec(const struct eqp_broker_token *token)
{
        return token->expires_in_sec;
}

const char *eqp_broker_token_expires_at(const struct eqp_broker_token *token)
{
        return token->expires_at;
}

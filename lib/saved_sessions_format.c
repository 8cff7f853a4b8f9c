/* The text of what is to survive a restart: writing. One spelling for each content. */
#include "lib/saved_sessions.h"

#include "lib/json_form.h"
#include "lib/secret.h"
#include "lib/secret_json.h"
#include "lib/util.h"

#include <errno.h>
#include <stdio.h>

static void put_text(struct json_object *json, const char *member, const char *text)
{
        json_put(json, member, json_object_new_string(text));
}

static void put_number(struct json_object *json, const char *member, uint64_t number)
{
        json_put(json, member, json_object_new_int64((int64_t)number));
}

static void put_bytes(struct json_object *json, const char *member, const uint8_t *bytes, size_t n)
{
        char text[2 * 32 + 1] = "";

        for (size_t i = 0; i < n && 2 * i + 2 < sizeof(text); i++) {
                (void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
        }
        put_text(json, member, text);
}

static void put_times(struct json_object *json, const char *member, const uint64_t *times, size_t n)
{
        struct json_object *list = json_object_new_array();

        for (size_t i = 0; i < n; i++) {
                json_append(list, json_object_new_int64((int64_t)times[i]));
        }
        json_put(json, member, list);
}

static struct json_object *describe_session(const struct saved_environment *saved)
{
        const struct session *session = saved->session;
        struct json_object *json = json_object_new_object();

        put_text(json, "mage_id", session->mage_id);
        put_text(json, "ust", session->ust);
        put_number(json, "sent_usec", session->sent_usec);
        put_number(json, "lifetime_sec", session->lifetime_sec);
        put_number(json, "refresh_point_usec", saved->refresh_point_usec);
        put_number(json, "attainable_sec", saved->attainable_sec);
        json_put(json, "reported", json_object_new_boolean(saved->reported));
        put_text(json, "key_label", session->key_label);
        put_bytes(json, "key_digest", saved->key_digest, sizeof(saved->key_digest));
        return json;
}

static struct json_object *describe_environment(const struct saved_environment *saved)
{
        const struct refresh_past *past = &saved->past;
        struct json_object *json = json_object_new_object();

        put_text(json, "name", saved->name);
        put_text(json, "base_url", saved->base_url);
        put_times(json, "sent_usec", past->sent_usec, past->n_sent);
        put_times(json, "caused_usec", past->caused_usec, past->n_caused);
        put_number(json, "retry_after_usec", past->retry_after_usec);
        put_number(json, "reported_usec", past->reported_usec);
        if (saved->session) {
                json_put(json, "session", describe_session(saved));
        }
        return json;
}

static struct json_object *describe(const struct saved_sessions *saved)
{
        struct json_object *json = json_object_new_object();
        struct json_object *list = json_object_new_array();

        put_number(json, "version", SAVED_VERSION);
        put_number(json, "number", saved->number);
        put_text(json, "boot_id", saved->boot_id);
        put_bytes(json, "salt", saved->salt, sizeof(saved->salt));
        for (size_t i = 0; i < saved->n_environments; i++) {
                json_append(list, describe_environment(&saved->environments[i]));
        }
        json_put(json, "environments", list);
        return json;
}

/* Moves json-c's text into secret memory. */
static int move_text(struct json_object *json, char **ret, size_t *ret_length)
{
        size_t length;
        char *text = (char *)(uintptr_t)json_text(json, &length), *copy = NULL;
        int r = -ENOMEM;

        if (!text) {
                return r;
        }
        if (length > SAVED_SESSIONS_MAX) {
                r = -E2BIG;
        } else if ((copy = secret_alloc(length))) {
                memcpy(copy, text, length);
                *ret = copy;
                *ret_length = length;
                r = 0;
        }
        explicit_bzero(text, length);
        return r;
}

int saved_sessions_format(const struct saved_sessions *saved, char **ret, size_t *ret_length)
{
        _cleanup_(secret_json_free_ust) struct json_object *json = describe(saved);

        return move_text(json, ret, ret_length);
}

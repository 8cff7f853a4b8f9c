/* The text of what is to survive a restart: writing. One spelling for each content. */
#include "lib/json_form.h"
#include "lib/saved_json.h"
#include "lib/saved_sessions.h"
#include "lib/secret_json.h"
#include "lib/util.h"

static struct json_object *describe_session(const struct saved_environment *saved)
{
        const struct session *session = saved->session;
        struct json_object *json = json_object_new_object();

        saved_put_text(json, "mage_id", session->mage_id);
        saved_put_text(json, "ust", session->ust);
        saved_put_number(json, "sent_usec", session->sent_usec);
        saved_put_number(json, "lifetime_sec", session->lifetime_sec);
        saved_put_number(json, "refresh_point_usec", saved->refresh_point_usec);
        saved_put_number(json, "attainable_sec", saved->attainable_sec);
        json_put(json, "reported", json_object_new_boolean(saved->reported));
        saved_put_text(json, "key_label", session->key_label);
        saved_put_bytes(json, "key_digest", saved->key_digest, sizeof(saved->key_digest));
        return json;
}

static struct json_object *describe_environment(const struct saved_environment *saved)
{
        const struct refresh_past *past = &saved->past;
        struct json_object *json = json_object_new_object();
        uint64_t sent_usec[ARRAY_SIZE(past->sent)];

        saved_put_text(json, "name", saved->name);
        saved_put_text(json, "base_url", saved->base_url);
        for (size_t i = 0; i < past->n_sent; i++) {
                sent_usec[i] = past->sent[i].usec;
        }
        saved_put_times(json, "sent_usec", sent_usec, past->n_sent);
        saved_put_times(json, "caused_usec", saved->caused_usec, saved->n_caused);
        saved_put_number(json, "retry_after_usec", past->retry_after_usec);
        saved_put_number(json, "reported_usec", past->reported_usec);
        if (saved->session) {
                json_put(json, "session", describe_session(saved));
        }
        return json;
}

static struct json_object *describe(const struct saved_sessions *saved)
{
        struct json_object *json = json_object_new_object();
        struct json_object *list = json_object_new_array();

        saved_put_number(json, "version", SAVED_VERSION);
        saved_put_number(json, "number", saved->number);
        saved_put_text(json, "boot_id", saved->boot_id);
        saved_put_bytes(json, "salt", saved->salt, sizeof(saved->salt));
        for (size_t i = 0; i < saved->n_environments; i++) {
                json_append(list, describe_environment(&saved->environments[i]));
        }
        json_put(json, "environments", list);
        return json;
}

int saved_sessions_format(const struct saved_sessions *saved, char **ret, size_t *ret_length)
{
        _cleanup_(secret_json_free_ust) struct json_object *json = describe(saved);

        return saved_move_text(json, SAVED_SESSIONS_MAX, ret, ret_length);
}

/* The text of what is to survive a restart: writing. One spelling for each content. */
#include "lib/saved_sessions.h"

#include "lib/json_form.h"
#include "lib/secret.h"
#include "lib/secret_json.h"
#include "lib/util.h"

#include <errno.h>
#include <stdio.h>

/* json-c's way of saying "no memory" is to add nothing; one flag at the end says it for all. */
struct writer {
        bool failed;
};

static void add(struct writer *writer, struct json_object *json, const char *member,
                struct json_object *value)
{
        if (!value || json_object_object_add(json, member, value) < 0) {
                (void)json_object_put(value);
                writer->failed = true;
        }
}

static void add_text(struct writer *writer, struct json_object *json, const char *member, const char *text)
{
        add(writer, json, member, json_object_new_string(text));
}

static void add_number(struct writer *writer, struct json_object *json, const char *member, uint64_t number)
{
        add(writer, json, member, json_object_new_int64((int64_t)number));
}

static void add_bytes(struct writer *writer, struct json_object *json, const char *member,
                      const uint8_t *bytes, size_t n)
{
        char text[2 * 32 + 1] = "";

        for (size_t i = 0; i < n && 2 * i + 2 < sizeof(text); i++) {
                (void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
        }
        add_text(writer, json, member, text);
}

static void add_times(struct writer *writer, struct json_object *json, const char *member,
                      const uint64_t *times, size_t n)
{
        struct json_object *list = json_object_new_array_ext((int)MAX_OF(n, (size_t)1));

        for (size_t i = 0; i < n && list; i++) {
                struct json_object *time = json_object_new_int64((int64_t)times[i]);
                if (!time || json_object_array_add(list, time) < 0) {
                        (void)json_object_put(time);
                        writer->failed = true;
                }
        }
        add(writer, json, member, list);
}

static struct json_object *describe_session(struct writer *writer, const struct saved_environment *saved)
{
        const struct session *session = saved->session;
        struct json_object *json = json_object_new_object();

        if (json) {
                add_text(writer, json, "mage_id", session->mage_id);
                add_text(writer, json, "ust", session->ust);
                add_number(writer, json, "sent_usec", session->sent_usec);
                add_number(writer, json, "lifetime_sec", session->lifetime_sec);
                add_number(writer, json, "refresh_point_usec", saved->refresh_point_usec);
                add_number(writer, json, "attainable_sec", saved->attainable_sec);
                add(writer, json, "reported", json_object_new_boolean(saved->reported));
                add_text(writer, json, "key_label", session->key_label);
                add_bytes(writer, json, "key_digest", saved->key_digest, sizeof(saved->key_digest));
        }
        return json;
}

static struct json_object *describe_environment(struct writer *writer, const struct saved_environment *saved)
{
        const struct refresh_past *past = &saved->past;
        struct json_object *json = json_object_new_object();

        if (json) {
                add_text(writer, json, "name", saved->name);
                add_text(writer, json, "base_url", saved->base_url);
                add_times(writer, json, "sent_usec", past->sent_usec, past->n_sent);
                add_times(writer, json, "caused_usec", past->caused_usec, past->n_caused);
                add_number(writer, json, "retry_after_usec", past->retry_after_usec);
                add_number(writer, json, "reported_usec", past->reported_usec);
                if (saved->session) {
                        add(writer, json, "session", describe_session(writer, saved));
                }
        }
        return json;
}

static struct json_object *describe(struct writer *writer, const struct saved_sessions *saved)
{
        struct json_object *json = json_object_new_object();
        struct json_object *list = json_object_new_array();

        if (!json || !list) {
                (void)json_object_put(json);
                (void)json_object_put(list);
                writer->failed = true;
                return NULL;
        }
        add_number(writer, json, "version", SAVED_VERSION);
        add_number(writer, json, "number", saved->number);
        add_text(writer, json, "boot_id", saved->boot_id);
        add_bytes(writer, json, "salt", saved->salt, sizeof(saved->salt));
        for (size_t i = 0; i < saved->n_environments; i++) {
                struct json_object *one = describe_environment(writer, &saved->environments[i]);
                if (!one || json_object_array_add(list, one) < 0) {
                        (void)json_object_put(one);
                        writer->failed = true;
                }
        }
        add(writer, json, "environments", list);
        return json;
}

/* Moves json-c's text into secret memory. */
static int move_text(struct json_object *json, char **ret, size_t *ret_length)
{
        size_t length;
        char *text = (char *)(uintptr_t)json_text(json, &length);
        int r = -ENOMEM;

        if (!text) {
                return r;
        }
        if (length > SAVED_SESSIONS_MAX) {
                r = -E2BIG;
        } else if ((*ret = secret_alloc(length))) {
                memcpy(*ret, text, length);
                *ret_length = length;
                r = 0;
        }
        explicit_bzero(text, length);
        return r;
}

int saved_sessions_format(const struct saved_sessions *saved, char **ret, size_t *ret_length)
{
        struct writer writer = { 0 };
        struct json_object *json = describe(&writer, saved);
        char *text = NULL;
        int r = writer.failed ? -ENOMEM : move_text(json, &text, ret_length);

        secret_json_free(json, "ust");
        if (r >= 0) {
                *ret = text;
        }
        return r;
}

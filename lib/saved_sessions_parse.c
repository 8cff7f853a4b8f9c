/* The text of what is to survive a restart: reading.
 *
 * Members are read by name and checked one by one; the result is then written again, and both texts must
 * be equal. So whatever json-c or we overlook (a member twice, or one too many, other spellings of a
 * number, text behind the end) is refused all the same. */
#include "lib/saved_json.h"
#include "lib/saved_sessions.h"
#include "lib/secret.h"
#include "lib/secret_json.h"
#include "lib/util.h"

#include <errno.h>
#include <stdio.h>

#define NESTING_MAX 6

/* A grant holds a token: it is built in secret memory. */
static int make_session(struct json_object *json, uint64_t sent_usec, uint32_t lifetime_sec,
                        struct session **ret)
{
        const char *ust, *mage_id, *label;

        if (!saved_get_text(json, "ust", SESSION_TOKEN_MAX, &ust) ||
            !token_exchange_is_plain(ust, strlen(ust), SESSION_TOKEN_MAX) ||
            !saved_get_text(json, "mage_id", MAGE_ID_MAX, &mage_id) ||
            !token_exchange_is_plain(mage_id, strlen(mage_id), MAGE_ID_MAX) ||
            !saved_get_text(json, "key_label", KEY_LABEL_MAX, &label) ||
            (*label != '\0' && !key_label_valid(label, strlen(label)))) {
                return -EBADMSG;
        }
        struct grant *grant = secret_alloc(sizeof(*grant));
        if (!grant) {
                return -ENOMEM;
        }
        grant->lifetime_sec = lifetime_sec;
        (void)snprintf(grant->ust, sizeof(grant->ust), "%s", ust);
        (void)snprintf(grant->mage_id, sizeof(grant->mage_id), "%s", mage_id);
        int r = session_new(ret, grant, 1, sent_usec, label);
        (void)secret_free(grant);
        return r;
}

static int read_session(struct json_object *json, struct saved_environment *saved)
{
        struct json_object *session, *reported;
        uint64_t sent_usec, lifetime_sec, attainable_sec;

        if (!json_object_object_get_ex(json, "session", &session)) {
                return 0;
        }
        if (!saved_get_number(session, "sent_usec", SAVED_TIME_MAX_USEC, &sent_usec) ||
            !saved_get_number(session, "lifetime_sec", LIFETIME_MAX_SEC, &lifetime_sec) ||
            lifetime_sec == 0 ||
            !saved_get_number(session, "refresh_point_usec", sent_usec + lifetime_sec * USEC_PER_SEC,
                              &saved->refresh_point_usec) ||
            saved->refresh_point_usec < sent_usec ||
            !saved_get_number(session, "attainable_sec", lifetime_sec, &attainable_sec) ||
            !saved_get_bytes(session, "key_digest", saved->key_digest, sizeof(saved->key_digest)) ||
            !json_object_object_get_ex(session, "reported", &reported)) {
                return -EBADMSG;
        }
        saved->attainable_sec = (uint32_t)attainable_sec;
        saved->reported = json_object_get_boolean(reported);
        return make_session(session, sent_usec, (uint32_t)lifetime_sec, &saved->session);
}

/* Kinds that are not told apart here count as the one that there is the least of. */
static enum refresh_share share_of(const struct saved_environment *saved, uint64_t usec)
{
        for (size_t i = 0; i < saved->n_caused; i++) {
                if (saved->caused_usec[i] == usec) {
                        return REFRESH_SHARE_DEMAND;
                }
        }
        return REFRESH_SHARE_NEED;
}

static int read_environment(struct json_object *json, struct saved_environment *saved)
{
        struct refresh_past *past = &saved->past;
        uint64_t sent_usec[ARRAY_SIZE(past->sent)];
        const char *name;

        if (!saved_get_text(json, "name", ENVIRONMENT_NAME_MAX, &name) ||
            !environment_name_valid(name, strlen(name)) ||
            !saved_get_times(json, "sent_usec", sent_usec, ARRAY_SIZE(sent_usec), &past->n_sent) ||
            !saved_get_times(json, "caused_usec", saved->caused_usec, ARRAY_SIZE(saved->caused_usec),
                             &saved->n_caused) ||
            !saved_get_number(json, "retry_after_usec", SAVED_TIME_MAX_USEC, &past->retry_after_usec) ||
            !saved_get_number(json, "reported_usec", SAVED_TIME_MAX_USEC, &past->reported_usec)) {
                return -EBADMSG;
        }
        int r = saved_get_base_url(json, "base_url", saved->base_url);
        if (r < 0) {
                return r;
        }
        for (size_t i = 0; i < past->n_sent; i++) {
                past->sent[i] = (struct refresh_sent){ sent_usec[i], share_of(saved, sent_usec[i]) };
        }
        (void)snprintf(saved->name, sizeof(saved->name), "%s", name);
        return read_session(json, saved);
}

static bool has_twice(const struct saved_sessions *saved)
{
        const struct saved_environment *last = &saved->environments[saved->n_environments - 1];

        for (const struct saved_environment *one = saved->environments; one < last; one++) {
                if (streq(one->name, last->name)) {
                        return true;
                }
        }
        return false;
}

static int read_all(struct json_object *json, struct saved_sessions *saved, const char **reterr_why)
{
        struct json_object *list;
        uint64_t version;
        const char *boot_id;

        if (!saved_get_number(json, "version", INT64_MAX, &version) || version != SAVED_VERSION) {
                *reterr_why = "another version of the program wrote it";
                return -EBADMSG;
        }
        if (!saved_get_number(json, "number", SAVED_NUMBER_MAX, &saved->number) || saved->number == 0 ||
            !saved_get_text(json, "boot_id", SAVED_BOOT_ID_LENGTH, &boot_id) ||
            !saved_get_bytes(json, "salt", saved->salt, sizeof(saved->salt)) ||
            !saved_get_list(json, "environments", ARRAY_SIZE(saved->environments), &list)) {
                return -EBADMSG;
        }
        (void)snprintf(saved->boot_id, sizeof(saved->boot_id), "%s", boot_id);
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                int r = read_environment(json_object_array_get_idx(list, i),
                                         &saved->environments[saved->n_environments++]);
                if (r < 0) {
                        return r;
                }
                if (has_twice(saved)) {
                        return -EBADMSG;
                }
        }
        return 0;
}

/* Is this the very text that we would have written? */
static int compare(const struct saved_sessions *saved, const char *text, size_t length)
{
        _cleanup_secret_ char *again = NULL;
        size_t again_length;
        int r = saved_sessions_format(saved, &again, &again_length);

        if (r < 0) {
                return r;
        }
        return again_length == length && secret_equal(again, text, length) ? 0 : -EBADMSG;
}

int saved_sessions_parse(const char *text, size_t length, struct saved_sessions **ret,
                         const char **reterr_why)
{
        _cleanup_(saved_sessions_freep) struct saved_sessions *saved = saved_sessions_new();
        _cleanup_(secret_json_free_ust) struct json_object *json = NULL;

        *reterr_why = "it is damaged";
        if (!saved) {
                return -ENOMEM;
        }
        if (length > SAVED_SESSIONS_MAX) {
                return -EBADMSG;
        }
        int r = secret_json_parse(text, length, NESTING_MAX, &json);
        if (r < 0) {
                return r;
        }
        r = read_all(json, saved, reterr_why);
        if (r < 0) {
                return r;
        }
        r = compare(saved, text, length);
        if (r < 0) {
                return r;
        }
        *ret = take_ptr(saved);
        return 0;
}

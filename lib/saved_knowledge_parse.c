/* The text of what is known of keys, accounts and budgets: reading.
 *
 * As in saved_sessions_parse.c, what is read is written again, and both texts must be equal. */
#include "lib/refresh_words.h"
#include "lib/saved_knowledge.h"
#include "lib/secret.h"
#include "lib/secret_json.h"
#include "lib/util.h"

#include <errno.h>
#include <stdio.h>

#define NESTING_MAX 7

/* Which of these names; n: none of them. */
static unsigned number_of(const char *name, const char *(*name_of)(unsigned), unsigned n)
{
        unsigned i = 0;

        while (i < n && !streq(name_of(i), name)) {
                i++;
        }
        return i;
}

static const char *share_name(unsigned i)
{
        return refresh_share_name((enum refresh_share)i);
}

static const char *standing_name(unsigned i)
{
        return key_standing_name((enum key_standing)i);
}

static const char *cause_name(unsigned i)
{
        return key_cause_name((enum key_cause)i);
}

/* [usec, "share"], later than the one before. */
static bool read_sent(struct json_object *pair, uint64_t before_usec, struct refresh_sent *ret)
{
        if (!json_object_is_type(pair, json_type_array) || json_object_array_length(pair) != 2) {
                return false;
        }
        struct json_object *name = json_object_array_get_idx(pair, 1);
        if (!saved_number_of(json_object_array_get_idx(pair, 0), SAVED_TIME_MAX_USEC, &ret->usec) ||
            ret->usec <= before_usec || !json_object_is_type(name, json_type_string)) {
                return false;
        }
        ret->share = (enum refresh_share)number_of(json_object_get_string(name), share_name,
                                                   _REFRESH_SHARE_COUNT);
        return ret->share < _REFRESH_SHARE_COUNT;
}

static bool read_sent_list(struct json_object *json, struct refresh_sent sent[static REFRESH_HOURLY_BUDGET],
                           size_t *ret_n)
{
        struct json_object *list;

        if (!saved_get_list(json, "sent", REFRESH_HOURLY_BUDGET, &list)) {
                return false;
        }
        *ret_n = json_object_array_length(list);
        for (size_t i = 0; i < *ret_n; i++) {
                uint64_t before_usec = i > 0 ? sent[i - 1].usec : 0;
                if (!read_sent(json_object_array_get_idx(list, i), before_usec, &sent[i])) {
                        return false;
                }
        }
        return true;
}

static bool read_past(struct json_object *json, struct refresh_past *past)
{
        return read_sent_list(json, past->sent, &past->n_sent) &&
               saved_get_number(json, "retry_after_usec", SAVED_TIME_MAX_USEC, &past->retry_after_usec) &&
               saved_get_number(json, "reported_usec", SAVED_TIME_MAX_USEC, &past->reported_usec) &&
               saved_get_number(json, "unauthorized_usec", SAVED_TIME_MAX_USEC, &past->unauthorized_usec);
}

static bool read_key(struct json_object *json, struct known_key *key)
{
        const char *standing, *cause;

        if (!saved_get_bytes(json, "digest", key->digest, sizeof(key->digest)) ||
            !saved_get_text(json, "standing", 32, &standing) || !saved_get_text(json, "cause", 32, &cause) ||
            !saved_get_number(json, "seen_usec", SAVED_TIME_MAX_USEC, &key->known.seen_usec)) {
                return false;
        }
        key->known.standing = (enum key_standing)number_of(standing, standing_name, _KEY_STANDING_COUNT);
        key->known.cause = (enum key_cause)number_of(cause, cause_name, _KEY_CAUSE_COUNT);
        bool refused = key->known.standing == KEY_REFUSED;
        return key->known.standing != KEY_UNTRIED && key->known.standing < _KEY_STANDING_COUNT &&
               key->known.cause < _KEY_CAUSE_COUNT && refused == (key->known.cause != KEY_NOT_REFUSED);
}

static bool read_keys(struct json_object *json, struct known_environment *known)
{
        struct json_object *list;

        if (!saved_get_list(json, "keys", ARRAY_SIZE(known->keys), &list)) {
                return false;
        }
        for (known->n_keys = 0; known->n_keys < json_object_array_length(list); known->n_keys++) {
                struct known_key *key = &known->keys[known->n_keys];
                if (!read_key(json_object_array_get_idx(list, known->n_keys), key)) {
                        return false;
                }
                for (const struct known_key *other = known->keys; other < key; other++) {
                        if (memcmp(other->digest, key->digest, sizeof(key->digest)) == 0) {
                                return false;
                        }
                }
        }
        return true;
}

static int read_environment(struct json_object *json, const struct saved_knowledge *saved,
                            struct known_environment *known)
{
        const char *name, *account;

        if (!saved_get_text(json, "name", ENVIRONMENT_NAME_MAX, &name) ||
            !environment_name_valid(name, strlen(name)) ||
            !saved_get_text(json, "account", MAGE_ID_MAX, &account) ||
            (*account != '\0' && !token_exchange_is_plain(account, strlen(account), MAGE_ID_MAX)) ||
            !saved_get_number(json, "gone_usec", SAVED_TIME_MAX_USEC, &known->gone_usec) ||
            !read_past(json, &known->past) || !read_keys(json, known)) {
                return -EBADMSG;
        }
        for (size_t i = 0; i + 1 < saved->n_environments; i++) {
                if (streq(saved->environments[i]->name, name)) {
                        return -EBADMSG;
                }
        }
        (void)snprintf(known->name, sizeof(known->name), "%s", name);
        (void)snprintf(known->account, sizeof(known->account), "%s", account);
        return saved_get_base_url(json, "base_url", known->base_url);
}

/* ---- the ledger ---- */

static bool read_ledger_key(struct json_object *json, struct exchange_ledger *ledger)
{
        struct ledger_key *key = &ledger->keys[ledger->n_keys];

        if (!saved_get_bytes(json, "digest", key->digest, sizeof(key->digest)) ||
            !read_sent_list(json, key->sent, &key->n_sent) ||
            !saved_get_number(json, "held_usec", SAVED_TIME_MAX_USEC, &key->held_usec) ||
            (key->n_sent == 0 && key->held_usec == 0)) {
                return false;
        }
        for (const struct ledger_key *other = ledger->keys; other < key; other++) {
                if (memcmp(other->digest, key->digest, sizeof(key->digest)) == 0) {
                        return false;
                }
        }
        key->latest_usec = key->n_sent > 0 ? key->sent[key->n_sent - 1].usec : 0;
        ledger->n_keys++;
        return true;
}

static int read_ledger_url(struct json_object *json, struct exchange_ledger *ledger)
{
        struct ledger_url *url = &ledger->urls[ledger->n_urls];
        int r = saved_get_base_url(json, "base_url", url->base_url);

        if (r < 0) {
                return r;
        }
        if (!saved_get_number(json, "until_usec", SAVED_TIME_MAX_USEC, &url->until_usec) ||
            url->until_usec == 0 || exchange_ledger_url_free_usec(ledger, url->base_url) != 0) {
                return -EBADMSG;
        }
        ledger->n_urls++;
        return 0;
}

static int read_ledger(struct json_object *json, struct exchange_ledger *ledger)
{
        struct json_object *keys, *urls;

        if (!saved_get_list(json, "keys", ARRAY_SIZE(ledger->keys), &keys) ||
            !saved_get_list(json, "urls", ARRAY_SIZE(ledger->urls), &urls)) {
                return -EBADMSG;
        }
        for (size_t i = 0; i < json_object_array_length(keys); i++) {
                if (!read_ledger_key(json_object_array_get_idx(keys, i), ledger)) {
                        return -EBADMSG;
                }
        }
        for (size_t i = 0; i < json_object_array_length(urls); i++) {
                int r = read_ledger_url(json_object_array_get_idx(urls, i), ledger);
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

/* ---- all of it ---- */

static int read_all(struct json_object *json, struct saved_knowledge *saved, const char **reterr_why)
{
        struct json_object *list, *ledger;
        const char *boot_id;
        uint64_t version;

        if (!saved_get_number(json, "version", INT64_MAX, &version)) {
                return -EBADMSG;
        }
        if (version != KNOWLEDGE_VERSION) {
                *reterr_why = "another version of the program wrote it";
                return -EBADMSG;
        }
        if (!saved_get_number(json, "number", SAVED_NUMBER_MAX, &saved->number) || saved->number == 0 ||
            !saved_get_text(json, "boot_id", SAVED_BOOT_ID_LENGTH, &boot_id) ||
            !saved_get_bytes(json, "salt", saved->salt, sizeof(saved->salt)) ||
            !saved_get_list(json, "environments", ARRAY_SIZE(saved->environments), &list) ||
            !json_object_object_get_ex(json, "ledger", &ledger)) {
                return -EBADMSG;
        }
        (void)snprintf(saved->boot_id, sizeof(saved->boot_id), "%s", boot_id);
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                struct known_environment *known = saved_knowledge_add(saved);
                int r = known ? read_environment(json_object_array_get_idx(list, i), saved, known) : -ENOMEM;
                if (r < 0) {
                        return r;
                }
        }
        return read_ledger(ledger, saved->ledger);
}

/* Is this the very text that we would have written? */
static int compare(const struct saved_knowledge *saved, const char *text, size_t length)
{
        char *again = NULL;
        size_t again_length;
        int r = saved_knowledge_format(saved, &again, &again_length);

        if (r < 0) {
                return r;
        }
        r = again_length == length && memcmp(again, text, length) == 0 ? 0 : -EBADMSG;
        (void)secret_free(again);
        return r;
}

static bool give_ledger(struct saved_knowledge *saved)
{
        saved->ledger = calloc(1, sizeof(*saved->ledger));
        saved->owns_ledger = true;
        return saved->ledger;
}

int saved_knowledge_parse(const char *text, size_t length, struct saved_knowledge **ret,
                          const char **reterr_why)
{
        _cleanup_(saved_knowledge_freep) struct saved_knowledge *saved = saved_knowledge_new();
        struct json_object *json = NULL;

        *reterr_why = "it is damaged";
        if (!saved || !give_ledger(saved)) {
                return -ENOMEM;
        }
        if (length > SAVED_KNOWLEDGE_MAX) {
                return -EBADMSG;
        }
        int r = secret_json_parse(text, length, NESTING_MAX, &json);
        if (r < 0) {
                return r;
        }
        r = read_all(json, saved, reterr_why);
        json_object_put(json);
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

/* The text of what is known of keys, accounts and budgets: writing. One spelling for each content. */
#include "lib/json_form.h"
#include "lib/refresh_words.h"
#include "lib/saved_knowledge.h"
#include "lib/secret_json.h"
#include "lib/util.h"

static struct json_object *describe_sent(const struct refresh_sent *sent, size_t n)
{
        struct json_object *list = json_object_new_array();

        for (size_t i = 0; i < n; i++) {
                struct json_object *pair = json_object_new_array();
                json_append(pair, json_object_new_int64((int64_t)sent[i].usec));
                json_append(pair, json_object_new_string(refresh_share_name(sent[i].share)));
                json_append(list, pair);
        }
        return list;
}

static struct json_object *describe_key(const struct known_key *key)
{
        struct json_object *json = json_object_new_object();

        saved_put_bytes(json, "digest", key->digest, sizeof(key->digest));
        saved_put_text(json, "standing", key_standing_name(key->known.standing));
        saved_put_text(json, "cause", key_cause_name(key->known.cause));
        saved_put_number(json, "seen_usec", key->known.seen_usec);
        return json;
}

static struct json_object *describe_environment(const struct known_environment *known)
{
        struct json_object *json = json_object_new_object(), *keys = json_object_new_array();

        saved_put_text(json, "name", known->name);
        saved_put_text(json, "base_url", known->base_url);
        saved_put_text(json, "account", known->account);
        saved_put_number(json, "gone_usec", known->gone_usec);
        json_put(json, "sent", describe_sent(known->past.sent, known->past.n_sent));
        saved_put_number(json, "retry_after_usec", known->past.retry_after_usec);
        saved_put_number(json, "reported_usec", known->past.reported_usec);
        saved_put_number(json, "unauthorized_usec", known->past.unauthorized_usec);
        for (size_t i = 0; i < known->n_keys; i++) {
                json_append(keys, describe_key(&known->keys[i]));
        }
        json_put(json, "keys", keys);
        return json;
}

static struct json_object *describe_ledger(const struct exchange_ledger *ledger)
{
        struct json_object *json = json_object_new_object();
        struct json_object *keys = json_object_new_array(), *urls = json_object_new_array();

        for (size_t i = 0; i < ledger->n_keys; i++) {
                const struct ledger_key *key = &ledger->keys[i];
                if (key->n_sent > 0 || key->held_usec > 0) {
                        struct json_object *one = json_object_new_object();
                        saved_put_bytes(one, "digest", key->digest, sizeof(key->digest));
                        json_put(one, "sent", describe_sent(key->sent, key->n_sent));
                        saved_put_number(one, "held_usec", key->held_usec);
                        json_append(keys, one);
                }
        }
        json_put(json, "keys", keys);
        for (size_t i = 0; i < ledger->n_urls; i++) {
                struct json_object *one = json_object_new_object();
                saved_put_text(one, "base_url", ledger->urls[i].base_url);
                saved_put_number(one, "until_usec", ledger->urls[i].until_usec);
                json_append(urls, one);
        }
        json_put(json, "urls", urls);
        return json;
}

static struct json_object *describe(const struct saved_knowledge *saved)
{
        struct json_object *json = json_object_new_object(), *list = json_object_new_array();

        saved_put_number(json, "version", KNOWLEDGE_VERSION);
        saved_put_number(json, "number", saved->number);
        saved_put_text(json, "boot_id", saved->boot_id);
        saved_put_bytes(json, "salt", saved->salt, sizeof(saved->salt));
        for (size_t i = 0; i < saved->n_environments; i++) {
                json_append(list, describe_environment(saved->environments[i]));
        }
        json_put(json, "environments", list);
        json_put(json, "ledger", describe_ledger(saved->ledger));
        return json;
}

int saved_knowledge_format(const struct saved_knowledge *saved, char **ret, size_t *ret_length)
{
        struct json_object *json = describe(saved);
        int r = saved_move_text(json, SAVED_KNOWLEDGE_MAX, ret, ret_length);

        json_object_put(json);
        return r;
}

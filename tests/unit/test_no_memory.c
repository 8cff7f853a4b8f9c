/* Everything in lib/ that takes memory, when there is none: it says so, and leaves nothing behind. */
#include "lib/access_key.h"
#include "lib/access_rule.h"
#include "lib/base_url.h"
#include "lib/json_form.h"
#include "lib/message_local.h"
#include "lib/message_session.h"
#include "lib/message_settings.h"
#include "lib/saved_knowledge.h"
#include "lib/saved_opaque_key.h"
#include "lib/saved_sessions.h"
#include "lib/secret.h"
#include "lib/secret_json.h"
#include "lib/session.h"
#include "lib/settings.h"
#include "lib/token_exchange.h"
#include "lib/util.h"
#include "tests/unit/no_memory.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>

static const struct grant grant = { .lifetime_sec = 300, .mage_id = "MAG000111222", .ust = "made-up-token" };

/* ---- keys, tokens, rules ---- */

static int make_a_key(void)
{
        static const char text[] = "MAG000111222:made-up-secret\n";
        _cleanup_(access_key_freep) struct access_key *key = NULL;
        const char *why;

        return access_key_parse(text, strlen(text), &key, &why);
}

static int make_a_session(void)
{
        _cleanup_(session_unrefp) struct session *session = NULL;

        return session_new(&session, &grant, 1, USEC_PER_SEC, "1-main");
}

static int make_a_url(void)
{
        _cleanup_free_ char *url = NULL;
        char why[128];

        return base_url_parse("https://api.example.com/", &url, why, sizeof(why));
}

static int copy_rules(void)
{
        static const struct access_rule rule = { .kind = ACCESS_RULE_ANY, .resolved = true };
        struct access_rules rules = { 0 }, copy = { 0 };

        int r = access_rules_add(&rules, &rule);
        if (r >= 0) {
                r = access_rules_copy(&copy, &rules);
        }
        access_rules_clear(&rules);
        access_rules_clear(&copy);
        return r;
}

/* ---- settings ---- */

#define HASH "50d858e0985ecc7f60418aaf0cc5ab587f42c2570a884095a9e8ccacd0f6545c"

static const char settings_text[] = "[broker]\nkeys_directory = /k\nallow = user:deploy\nallow = any\n"
                                    "[environment agency]\nbase_url = https://api.example.com\n"
                                    "ca_file = /etc/ca.pem\nallow = uid:7\n"
                                    "[gateway agency]\nallow = any GET /rest/v1/a\n"
                                    "[local a]\nenvironment = agency\nid = a\nsecret_sha256 = " HASH "\n"
                                    "caller = uid:7\nallow = GET /rest/v1/b\n"
                                    "[local b]\nenvironment = agency\nid = b\nsecret_sha256 = " HASH "\n";

static int read_settings(void)
{
        _cleanup_(settings_freep) struct settings *settings = NULL;
        char message[SETTINGS_ERROR_MAX] = "";

        int r = settings_new(&settings);
        if (r < 0) {
                return r;
        }
        r = settings_read(settings, "a.conf", settings_text, strlen(settings_text), message);
        if (r == -ENOMEM) {
                assert_non_null(strstr(message, "out of memory"));
        }
        return r < 0 ? r : settings_finish(settings, message);
}

static int copy_a_local_key(void)
{
        struct access_rule who = { .kind = ACCESS_RULE_ANY };
        struct gateway_rule rule = { .deny = false };
        const struct local_key key = { .callers = { &who, 1 }, .rules = { &rule, 1 } };
        struct local_key copy = { .real = false };

        int r = local_key_copy(&copy, &key);
        local_key_clear(&copy);
        return r;
}

static int format_settings(void)
{
        _cleanup_(settings_freep) struct settings *settings = NULL;
        _cleanup_free_ char *text = NULL;

        int r = settings_new(&settings);
        if (r < 0) {
                return r;
        }
        text = settings_format(settings);
        return text ? 0 : -ENOMEM;
}

/* ---- answers of the upstream ---- */

/* Too little memory to read an answer is trouble of ours that passes, not an answer that makes no sense. */
static int read_an_answer(void)
{
        static const char body[] = "{\"mage_id\":\"MAG000111222\",\"ust\":\"made-up\",\"expires_in\":300}";
        const struct exchange_answer answer = { .status = 200, .body = body, .body_length = strlen(body) };
        struct grant read;
        uint32_t retry_after_sec;
        const char *why;

        switch (token_exchange_classify(&answer, 0, &read, &retry_after_sec, &why)) {
        case EXCHANGE_GRANTED:
                return 0;
        case EXCHANGE_UNAVAILABLE:
                assert_string_equal(why, "no memory to read the answer");
                return -ENOMEM;
        default:
                return -EBADMSG;
        }
}

/* An answer of which nothing can be kept is kept empty. */
static int keep_an_answer(void)
{
        static const char body[] = "{\"code\":7,\"message\":\"no\"}";
        struct answer_excerpt excerpt;

        token_exchange_excerpt(body, strlen(body), NULL, 0, &excerpt);
        if (excerpt.code == 7) {
                assert_string_equal(excerpt.message, "no");
                return 0;
        }
        assert_true(excerpt.code == INT64_MIN);
        assert_string_equal(excerpt.message, "");
        return -ENOMEM;
}

/* ---- JSON ---- */

static int put_json_together(void)
{
        struct json_object *object = json_object_new_object(), *list = json_object_new_array();
        size_t length;

        json_append(list, json_object_new_int64(1));
        json_put(object, "list", list);
        json_put_null(object, "nothing");
        json_put(object, "word", json_object_new_string("word"));
        int r = json_text(object, &length) ? 0 : -ENOMEM;
        json_object_put(object);
        return r;
}

/* ---- what survives a restart ---- */

static int save_sessions(void)
{
        _cleanup_(saved_sessions_freep) struct saved_sessions *saved = saved_sessions_new(), *read = NULL;
        char *text = NULL;
        const char *why;
        size_t length = 0;

        if (!saved) {
                return -ENOMEM;
        }
        struct saved_environment *environment = &saved->environments[saved->n_environments++];
        (void)snprintf(saved->boot_id, sizeof(saved->boot_id), "0123456789abcdef0123456789abcdef");
        saved->number = 1;
        (void)snprintf(environment->name, sizeof(environment->name), "sandbox");
        (void)snprintf(environment->base_url, sizeof(environment->base_url), "%s", BASE_URL_SANDBOX);
        environment->past = (struct refresh_past){ .sent = { { .usec = USEC_PER_SEC } }, .n_sent = 1 };
        environment->refresh_point_usec = 190 * USEC_PER_SEC;
        environment->attainable_sec = 299;
        int r = session_new(&environment->session, &grant, 1, USEC_PER_SEC, "1-main");
        if (r >= 0) {
                r = saved_sessions_format(saved, &text, &length);
        }
        if (r >= 0) {
                r = saved_sessions_parse(text, length, &read, &why);
        }
        (void)secret_free(text);
        return r;
}

static int save_knowledge(void)
{
        _cleanup_(saved_knowledge_freep) struct saved_knowledge *saved = saved_knowledge_new(), *read = NULL;
        struct known_environment *known = saved ? saved_knowledge_add(saved) : NULL;
        static struct exchange_ledger ledger;
        char *text = NULL;
        const char *why;
        size_t length = 0;

        if (!known) {
                return -ENOMEM;
        }
        (void)snprintf(saved->boot_id, sizeof(saved->boot_id), "0123456789abcdef0123456789abcdef");
        saved->number = 1;
        (void)snprintf(known->name, sizeof(known->name), "sandbox");
        (void)snprintf(known->base_url, sizeof(known->base_url), "%s", BASE_URL_SANDBOX);
        known->past = (struct refresh_past){ .sent = { { .usec = USEC_PER_SEC } }, .n_sent = 1 };
        known->keys[known->n_keys++].known = (struct key_knowledge){ .standing = KEY_GOOD, .seen_usec = 1 };
        memset(&ledger, 0, sizeof(ledger));
        saved->ledger = &ledger;
        exchange_ledger_take(&ledger, known->keys[0].digest, REFRESH_SHARE_NEED, USEC_PER_SEC);
        exchange_ledger_hold_url(&ledger, BASE_URL_SANDBOX, 2 * USEC_PER_SEC, USEC_PER_SEC);
        int r = saved_knowledge_format(saved, &text, &length);
        if (r >= 0) {
                r = saved_knowledge_parse(text, length, &read, &why);
        }
        (void)secret_free(text);
        return r;
}

/* ---- messages ---- */

static int read_settings_messages(void)
{
        static const struct message_settings head = { MESSAGE_SETTINGS, .n_environments = 1 };
        static const struct message_rules list = { MESSAGE_RULES, .n = 2 };
        _cleanup_(access_settings_freep) struct access_settings *settings = NULL;

        int r = message_settings_begin(&settings, &head);
        return r < 0 ? r : message_settings_take(settings, &list);
}

static int read_local_key_messages(void)
{
        static const struct message_settings head = { MESSAGE_SETTINGS, .n_environments = 1 };
        static const struct message_local_key key = { MESSAGE_LOCAL_KEY, .name = "a", .id = "lk-a" };
        static const struct message_local_key other = { MESSAGE_LOCAL_KEY, .name = "b", .id = "lk-b" };
        static const struct message_local_caller caller = { MESSAGE_LOCAL_CALLER, .rule.resolved = true };
        static const struct message_gateway_rule rule = { MESSAGE_GATEWAY_RULE, -1, { .methods = "*" } };
        static const void *const messages[] = { &key, &caller, &rule, &other };
        _cleanup_(access_settings_freep) struct access_settings *settings = NULL;

        int r = message_settings_begin(&settings, &head);
        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(messages); i++) {
                r = message_local_take(settings, messages[i]);
        }
        return r < 0 ? r : access_settings_settle(settings);
}

static int keep_an_opaque_key(void)
{
        static const struct saved_opaque_key saved = { 1, "0123456789abcdef0123456789abcdef", { 1, 2 } };
        _cleanup_secret_ struct saved_opaque_key *read = NULL;
        _cleanup_secret_ char *text = NULL;
        const char *why = NULL;
        size_t length;

        int r = saved_opaque_key_format(&saved, &text, &length);
        return r < 0 ? r : saved_opaque_key_parse(text, length, &read, &why);
}

static int read_a_session_message(void)
{
        static const struct message_session message = { MESSAGE_SESSION, 300, .mage_id = "M", .ust = "u" };
        _cleanup_(session_unrefp) struct session *session = NULL;

        return message_session_read(&session, &message);
}

/* ---- all of them ---- */

#define STORY(name, n_min)                                                                                  \
        static void test_##name(void **state)                                                               \
        {                                                                                                   \
                no_memory_try(name, n_min);                                                                 \
        }

STORY(make_a_key, 3)
STORY(make_a_session, 3)
STORY(make_a_url, 1)
STORY(copy_rules, 2)
STORY(read_settings, 22)
STORY(copy_a_local_key, 2)
STORY(format_settings, 8)
STORY(read_an_answer, 1)
STORY(keep_an_answer, 1)
STORY(put_json_together, 10)
STORY(save_sessions, 100)
STORY(save_knowledge, 100)
STORY(read_settings_messages, 3)
STORY(read_local_key_messages, 6)
STORY(keep_an_opaque_key, 3)
STORY(read_a_session_message, 2)

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_make_a_key),
                cmocka_unit_test(test_make_a_session),
                cmocka_unit_test(test_make_a_url),
                cmocka_unit_test(test_copy_rules),
                cmocka_unit_test(test_read_settings),
                cmocka_unit_test(test_copy_a_local_key),
                cmocka_unit_test(test_format_settings),
                cmocka_unit_test(test_read_an_answer),
                cmocka_unit_test(test_keep_an_answer),
                cmocka_unit_test(test_put_json_together),
                cmocka_unit_test(test_save_sessions),
                cmocka_unit_test(test_save_knowledge),
                cmocka_unit_test(test_read_settings_messages),
                cmocka_unit_test(test_read_local_key_messages),
                cmocka_unit_test(test_keep_an_opaque_key),
                cmocka_unit_test(test_read_a_session_message),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}

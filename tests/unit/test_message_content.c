/* Values that go into messages come out of them again, and nothing else goes in. */
#include "tests/unit/message_samples.h"
#include "tests/unit/unit.h"

#include <errno.h>

static union sample sample;

/* ---- texts ---- */

static void test_texts_are_cut_and_end(void **state)
{
        char text[6] = "xxxxx";

        message_set_text(text, sizeof(text), "ab");
        assert_memory_equal(text, "ab\0\0\0", sizeof(text));
        message_set_text(text, sizeof(text), "abcde");
        assert_memory_equal(text, "abcde", sizeof(text));
        message_set_text(text, sizeof(text), "abcdefghij");
        assert_memory_equal(text, "abcde", sizeof(text));
        message_set_text(text, sizeof(text), NULL);
        assert_memory_equal(text, "\0\0\0\0\0", sizeof(text));
}

/* ---- settings ---- */

static void assert_same_rules(const struct access_rules *a, const struct access_rules *b)
{
        assert_int_equal(a->n, b->n);
        for (size_t i = 0; i < a->n; i++) {
                assert_int_equal(a->rules[i].kind, b->rules[i].kind);
                assert_int_equal(a->rules[i].resolved, b->rules[i].resolved);
                assert_int_equal(a->rules[i].optional, b->rules[i].optional);
                assert_int_equal(a->rules[i].id, b->rules[i].id);
                assert_string_equal(a->rules[i].name, b->rules[i].name);
        }
}

static void assert_same_settings(const struct access_settings *a, const struct access_settings *b)
{
        assert_int_equal(a->own_uid, b->own_uid);
        assert_int_equal(a->metrics, b->metrics);
        assert_int_equal(a->socket_group_by_name, b->socket_group_by_name);
        assert_int_equal(a->max_connections, b->max_connections);
        assert_int_equal(a->max_connections_per_user, b->max_connections_per_user);
        assert_same_rules(&a->allow, &b->allow);
        assert_same_rules(&a->operators, &b->operators);
        assert_int_equal(a->n_environments, b->n_environments);
        for (size_t i = 0; i < a->n_environments; i++) {
                const struct access_environment *one = &a->environments[i], *other = &b->environments[i];
                assert_string_equal(one->name, other->name);
                assert_int_equal(one->has_allow, other->has_allow);
                assert_int_equal(one->has_operators, other->has_operators);
                assert_same_rules(&one->allow, &other->allow);
                assert_same_rules(&one->operators, &other->operators);
        }
}

static void test_settings_and_their_rules(void **state)
{
        _cleanup_(access_settings_freep) struct access_settings *settings = sample_settings(), *read = NULL;
        struct message_settings head;
        struct message_rules list;
        size_t place = 0, n = 0;

        message_settings_fill(&head, settings, true);
        assert_true(head.end_unix);
        assert_int_equal(message_check_from_keeper(&head, sizeof(head)), MESSAGE_SETTINGS);
        assert_int_equal(message_settings_begin(&read, &head), 0);
        for (; message_rules_next(&list, settings, &place); n++) {
                assert_int_equal(message_check_from_keeper(&list, sizeof(list)), MESSAGE_RULES);
                assert_int_equal(message_settings_take(read, &list), 0);
        }
        assert_int_equal(n, 4); /* empty ones are not sent */
        assert_false(message_rules_next(&list, settings, &place));
        assert_same_settings(read, settings);
}

static void test_as_many_rules_as_there_can_be(void **state)
{
        _cleanup_(access_settings_freep) struct access_settings *settings = sample_settings(), *read = NULL;
        const struct access_rule any = { ACCESS_RULE_ANY, .resolved = true };
        struct message_settings head;
        struct message_rules list;
        size_t place = 0;

        while (access_rules_add(&settings->allow, &any) == 0) {
        }
        assert_int_equal(settings->allow.n, MESSAGE_RULES_MAX);
        message_settings_fill(&head, settings, false);
        assert_false(head.end_unix);
        assert_int_equal(message_settings_begin(&read, &head), 0);
        assert_true(message_rules_next(&list, settings, &place));
        assert_int_equal(message_check_from_keeper(&list, sizeof(list)), MESSAGE_RULES);
        assert_int_equal(message_settings_take(read, &list), 0);
        assert_same_rules(&read->allow, &settings->allow);
}

static void test_rules_without_a_place(void **state)
{
        _cleanup_(access_settings_freep) struct access_settings *settings = sample_settings(), *read = NULL;
        struct message_settings head;
        struct message_rules list;
        size_t place = 0;

        message_settings_fill(&head, settings, false);
        assert_int_equal(message_settings_begin(&read, &head), 0);
        assert_true(message_rules_next(&list, settings, &place));
        list.environment = 3;
        assert_int_equal(message_settings_take(read, &list), -EBADMSG);
        list.environment = SETTINGS_ENVIRONMENTS_MAX - 1;
        assert_int_equal(message_settings_take(read, &list), -EBADMSG);
        list.environment = 2;
        assert_int_equal(message_settings_take(read, &list), 0);
        assert_int_equal(message_settings_take(read, &list), -EBADMSG); /* twice */
        assert_int_equal(read->environments[2].allow.n, list.n);
}

/* ---- sessions ---- */

static void test_a_session(void **state)
{
        _cleanup_(session_unrefp) struct session *session = sample_session(), *read = NULL;
        struct message_session message;

        message_session_fill(&message, session, "sandbox");
        assert_int_equal(message_check_from_keeper(&message, sizeof(message)), MESSAGE_SESSION);
        assert_string_equal(message.environment, "sandbox");
        assert_int_equal(message_session_read(&read, &message), 0);
        assert_int_equal(read->n_references, 1);
        assert_int_equal(read->serial, session->serial);
        assert_int_equal(read->sent_usec, session->sent_usec);
        assert_int_equal(read->expires_usec, session->expires_usec);
        assert_int_equal(read->lifetime_sec, session->lifetime_sec);
        assert_string_equal(read->key_label, session->key_label);
        assert_string_equal(read->mage_id, session->mage_id);
        assert_string_equal(read->ust, session->ust);
}

static void test_the_longest_session(void **state)
{
        static struct grant grant = { .lifetime_sec = LIFETIME_MAX_SEC };
        _cleanup_(session_unrefp) struct session *session = NULL, *read = NULL;
        struct message_session message;
        char label[KEY_LABEL_MAX + 1] = { 0 };

        memset(grant.mage_id, 'm', MAGE_ID_MAX);
        memset(grant.ust, 'u', SESSION_TOKEN_MAX);
        memset(label, 'l', KEY_LABEL_MAX);
        assert_int_equal(session_new(&session, &grant, UINT64_MAX, USEC_NEVER - 5, label), 0);
        message_session_fill(&message, session, "a2345678901234567890123456789012");
        assert_int_equal(message_check_from_keeper(&message, sizeof(message)), MESSAGE_SESSION);
        assert_int_equal(message_session_read(&read, &message), 0);
        assert_int_equal(read->expires_usec, USEC_NEVER);
        assert_string_equal(read->ust, session->ust);
        assert_string_equal(read->mage_id, session->mage_id);
        assert_string_equal(read->key_label, label);
}

/* ---- keys ---- */

static void test_keys(void **state)
{
        _cleanup_free_ struct keys_view *keys = sample_keys();
        struct message_keys *message = (struct message_keys *)sample.bytes;
        size_t size = message_keys_size(keys);

        memset(&sample, 0xff, sizeof(sample));
        message_keys_fill(message, keys);
        assert_int_equal(message_check_from_keeper(message, size), MESSAGE_KEYS);
        assert_memory_equal(&message->view, keys,
                            sizeof(*keys) + keys->n_refusals * sizeof(keys->refusals[0]));
        assert_int_equal(sample.bytes[size], 0xff);
}

/* ---- nothing else ---- */

/* Rules out of memory that was something else before, gaps and all. */
static void test_gaps_stay_behind(void **state)
{
        _cleanup_(access_settings_freep) struct access_settings *settings = sample_settings();
        const size_t gap = offsetof(struct access_rule, optional) + 1;
        struct message_rules list;
        size_t place = 0;

        assert_true(gap < offsetof(struct access_rule, id));
        for (size_t i = 0; i < settings->allow.n; i++) {
                ((unsigned char *)&settings->allow.rules[i])[gap] = 0xff;
        }
        memset(&list, 0xff, sizeof(list));
        assert_true(message_rules_next(&list, settings, &place));
        for (size_t i = 0; i < MESSAGE_RULES_MAX; i++) {
                assert_int_equal(((unsigned char *)&list.rules[i])[gap], 0);
        }
}

static bool has(const void *bytes, size_t length, unsigned char wanted)
{
        return memchr(bytes, wanted, length) != NULL;
}

static void test_old_memory_stays_behind(void **state)
{
        _cleanup_(access_settings_freep) struct access_settings *settings = sample_settings();
        _cleanup_(session_unrefp) struct session *session = sample_session();
        struct message_settings head;
        struct message_session message;

        memset(&head, 0xff, sizeof(head));
        memset(settings->environments[0].name + 11, 0xff, ENVIRONMENT_NAME_MAX - 11);
        message_settings_fill(&head, settings, true);
        assert_false(has(&head, sizeof(head), 0xff));

        memset(&message, 0xff, sizeof(message));
        memset(session->mage_id + strlen(session->mage_id) + 1, 0xff, 4);
        message_session_fill(&message, session, "sandbox");
        assert_false(has(&message, sizeof(message), 0xff));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_texts_are_cut_and_end),
                cmocka_unit_test(test_settings_and_their_rules),
                cmocka_unit_test(test_as_many_rules_as_there_can_be),
                cmocka_unit_test(test_rules_without_a_place),
                cmocka_unit_test(test_a_session),
                cmocka_unit_test(test_the_longest_session),
                cmocka_unit_test(test_keys),
                cmocka_unit_test(test_gaps_stay_behind),
                cmocka_unit_test(test_old_memory_stays_behind),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Local keys and the gateway's settings come out of their messages as they went in. */
#include "lib/message_local.h"
#include "tests/unit/message_samples.h"
#include "tests/unit/unit.h"

#include <errno.h>

static struct access_settings *begin(const struct access_settings *settings)
{
        struct access_settings *read = NULL;
        struct message_settings head;

        message_settings_fill(&head, settings, false);
        assert_int_equal(message_settings_begin(&read, &head), 0);
        return read;
}

/* Every message as it is sent; returns how many there were. */
static size_t send_all(const struct access_settings *settings, struct access_settings *read)
{
        struct message_local_place place = { 0 };
        union message_local message;
        size_t size, n = 0;

        while ((size = message_local_next(&message, settings, &place)) > 0) {
                assert_int_equal(message_check_from_keeper(&message, size), message.type);
                assert_int_equal(message_local_take(read, &message), 0);
                n++;
        }
        assert_int_equal(message_local_next(&message, settings, &place), 0);
        assert_int_equal(access_settings_settle(read), 0);
        return n;
}

static void assert_same_rule(const struct gateway_rule *a, const struct gateway_rule *b)
{
        assert_int_equal(a->deny, b->deny);
        assert_int_equal(a->who.kind, b->who.kind);
        assert_int_equal(a->who.resolved, b->who.resolved);
        assert_int_equal(a->who.absent, b->who.absent);
        assert_int_equal(a->who.id, b->who.id);
        assert_string_equal(a->who.name, b->who.name);
        assert_string_equal(a->methods, b->methods);
        assert_string_equal(a->pattern, b->pattern);
        assert_string_equal(a->place, b->place);
}

static void assert_same_gateway(const struct access_environment *a, const struct access_environment *b)
{
        assert_int_equal(a->gateway, b->gateway);
        assert_int_equal(a->encoded_slash, b->encoded_slash);
        assert_int_equal(a->gateway_body_max, b->gateway_body_max);
        assert_int_equal(a->gateway_answer_timeout_usec, b->gateway_answer_timeout_usec);
        assert_int_equal(a->gateway_rules.n, b->gateway_rules.n);
        for (size_t i = 0; i < a->gateway_rules.n; i++) {
                assert_same_rule(&a->gateway_rules.rules[i], &b->gateway_rules.rules[i]);
        }
}

static void assert_same_key(const struct local_key *a, const struct local_key *b)
{
        assert_string_equal(a->name, b->name);
        assert_string_equal(a->environment, b->environment);
        assert_string_equal(a->id, b->id);
        assert_string_equal(a->place, b->place);
        assert_memory_equal(a->secret_hash, b->secret_hash, sizeof(a->secret_hash));
        assert_memory_equal(a->old_secret_hash, b->old_secret_hash, sizeof(a->old_secret_hash));
        assert_int_equal(a->has_old, b->has_old);
        assert_int_equal(a->old_until_sec, b->old_until_sec);
        assert_int_equal(a->expires_sec, b->expires_sec);
        assert_int_equal(a->real, b->real);
        assert_int_equal(a->callers.n, b->callers.n);
        for (size_t i = 0; i < a->callers.n; i++) {
                assert_int_equal(a->callers.rules[i].kind, b->callers.rules[i].kind);
                assert_int_equal(a->callers.rules[i].id, b->callers.rules[i].id);
                assert_string_equal(a->callers.rules[i].name, b->callers.rules[i].name);
        }
        assert_int_equal(a->rules.n, b->rules.n);
        for (size_t i = 0; i < a->rules.n; i++) {
                assert_same_rule(&a->rules.rules[i], &b->rules.rules[i]);
        }
}

static void assert_same(const struct access_settings *a, const struct access_settings *b)
{
        for (size_t i = 0; i < a->n_environments; i++) {
                assert_same_gateway(&a->environments[i], &b->environments[i]);
        }
        assert_int_equal(a->n_local_keys, b->n_local_keys);
        for (size_t i = 0; i < a->n_local_keys; i++) {
                assert_same_key(&a->local_keys[i], &b->local_keys[i]);
        }
        assert_int_equal(a->groups_beyond, b->groups_beyond);
        assert_int_equal(a->names_beyond, b->names_beyond);
}

static void one_of_each(void **state)
{
        _cleanup_(access_settings_freep) struct access_settings *settings = sample_settings(),
                                                                *read = begin(settings);

        assert_int_equal(send_all(settings, read),
                         3 + 1 + 1 + 2); /* environments, a rule; a key, what it has */
        assert_same(settings, read);
        assert_true(read->groups_beyond && read->names_beyond);
}

static void a_thousand_keys(void **state)
{
        _cleanup_(access_settings_freep) struct access_settings *settings = sample_settings(),
                                                                *read = begin(settings);

        for (int i = 0; i < 1000; i++) {
                struct local_key key = { .environment = "sandbox" };
                const struct gateway_rule rule = sample_gateway_rule(false, ACCESS_RULE_ANY);
                (void)snprintf(key.name, sizeof(key.name), "key-%d", i * 7919 % 1000);
                (void)snprintf(key.id, sizeof(key.id), "lk-%d", i);
                for (int j = 0; j < i % 3; j++) {
                        assert_int_equal(gateway_rules_add(&key.rules, &rule), 0);
                }
                assert_int_equal(access_settings_add_key(settings, &key), 0);
        }
        assert_int_equal(access_settings_settle(settings), 0);
        assert_int_equal(send_all(settings, read), 7 + 1000 + 999);
        assert_same(settings, read);
        for (int i = 0; i < 1000; i++) {
                char id[16];
                (void)snprintf(id, sizeof(id), "lk-%d", i);
                assert_string_equal(access_settings_key_of_id(read, id)->id, id);
        }
        assert_null(access_settings_key_of_id(read, "lk-1000"));
        assert_null(access_settings_key(read, "key-1000"));
        assert_string_equal(access_settings_key(read, "key-999")->name, "key-999");
}

static void rules_that_belong_to_nothing(void **state)
{
        _cleanup_(access_settings_freep) struct access_settings *settings = sample_settings(),
                                                                *read = begin(settings);
        static union sample sample;
        struct message_gateway_rule *rule = (struct message_gateway_rule *)sample.bytes;

        (void)message_sample(MESSAGE_LOCAL_CALLER, &sample);
        assert_int_equal(message_local_take(read, sample.bytes), -EBADMSG);
        (void)message_sample(MESSAGE_GATEWAY_RULE, &sample);
        assert_int_equal(rule->environment, -1);
        assert_int_equal(message_local_take(read, sample.bytes), -EBADMSG);
        rule->environment = 3;
        assert_int_equal(message_local_take(read, sample.bytes), -EBADMSG);
        (void)message_sample(MESSAGE_GATEWAY, &sample);
        ((struct message_gateway *)sample.bytes)->environment = 3;
        assert_int_equal(message_local_take(read, sample.bytes), -EBADMSG);
        rule->type = MESSAGE_GATEWAY_RULE;
        (void)message_sample(MESSAGE_GATEWAY_RULE, &sample);
        rule->environment = 0;
        for (int i = 0; i < GATEWAY_RULES_MAX; i++) {
                assert_int_equal(message_local_take(read, sample.bytes), 0);
        }
        assert_int_equal(message_local_take(read, sample.bytes), -E2BIG);
}

/* Of so many groups each has a place where groups are looked up; one that is named often counts once. */
static void too_many_groups(void **state)
{
        _cleanup_(settings_freep) struct settings *settings = NULL;
        struct access_settings *access = NULL;
        struct local_key *key;
        char name[16];

        assert_int_equal(settings_new(&settings), 0);
        for (unsigned i = 0; i <= ACCESS_CALLER_GROUPS_MAX; i++) {
                struct access_rule rule = { ACCESS_RULE_GID, .resolved = true, .id = 1000 + i };
                (void)snprintf(name, sizeof(name), "k%u", i);
                assert_int_equal(settings_add_local_key(settings, name, &key), 0);
                if (i == ACCESS_CALLER_GROUPS_MAX) {
                        rule.id = 1000;
                }
                assert_int_equal(access_rules_add(&key->callers, &rule), 0);
        }
        assert_int_equal(access_settings_new(&access, settings, 0), 0);
        access = access_settings_free(access);
        key->callers.rules[0].id = 999;
        assert_int_equal(access_settings_new(&access, settings, 0), -E2BIG);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(one_of_each), cmocka_unit_test(a_thousand_keys),
                                            cmocka_unit_test(rules_that_belong_to_nothing),
                                            cmocka_unit_test(too_many_groups) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}

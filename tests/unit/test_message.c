/* Messages between two processes: sound ones are believed, by the other end; those with one field that is
 * not are not. */
#include "tests/unit/message_samples.h"
#include "tests/unit/unit.h"

#include <errno.h>

static union sample sample;

/* The reading of a sample by the process that its type is for; no other takes it. */
static int check(uint32_t type, size_t length)
{
        int up = MAX_OF(message_check_from_frontend(&sample, length),
                        message_check_from_forwarder(&sample, length));
        int down = MAX_OF(message_check_from_keeper(&sample, length),
                          message_check_to_forwarder(&sample, length));
        bool for_keeper = message_is_for_keeper(type);

        assert_int_equal(for_keeper ? down : up, -EBADMSG);
        return for_keeper ? up : down;
}

/* ---- whole messages ---- */

static void test_every_type_is_taken_by_one_end(void **state)
{
        for (uint32_t type = MESSAGE_CONFINED; type < _MESSAGE_LAST; type++) {
                size_t length = message_sample(type, &sample);
                assert_int_equal(sample.type, type);
                assert_int_equal(check(type, length), type);
        }
}

static void test_every_other_length_is_refused(void **state)
{
        for (uint32_t type = MESSAGE_CONFINED; type < _MESSAGE_LAST; type++) {
                size_t length = message_sample(type, &sample);
                for (size_t other = 0; other < length; other += other < 4 ? 1 : 4) {
                        assert_int_equal(check(type, other), -EBADMSG);
                }
                assert_int_equal(check(type, length - 1), -EBADMSG);
                assert_int_equal(check(type, length + 1), -EBADMSG);
                assert_int_equal(check(type, length + 8), -EBADMSG);
                assert_int_equal(check(type, MESSAGE_SIZE_MAX), -EBADMSG);
        }
}

static void test_other_types_are_refused(void **state)
{
        static const uint32_t others[] = { 0,         _MESSAGE_LAST, _MESSAGE_LAST + 1,
                                           INT32_MAX, 1U << 31,      UINT32_MAX };

        for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
                size_t length = message_sample(MESSAGE_NAMES, &sample);
                sample.type = others[i];
                assert_int_equal(message_check_any(&sample, length), -EBADMSG);
        }
}

static bool is_one_of(uint32_t type, const uint32_t *types, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                if (types[i] == type) {
                        return true;
                }
        }
        return false;
}

/* Neither child is told what the other one is for, nor can say what it may not. */
static void test_each_child_has_its_own_words(void **state)
{
        static const uint32_t from_both[] = { MESSAGE_CONFINED, MESSAGE_RECORD, MESSAGE_PONG };
        static const uint32_t to_both[] = { MESSAGE_HELLO, MESSAGE_PING, MESSAGE_DRAIN, MESSAGE_LANE };
        static const uint32_t of_forwarder[] = { MESSAGE_UPSTREAM, MESSAGE_UPSTREAM_GONE, MESSAGE_STALE };

        for (uint32_t type = MESSAGE_CONFINED; type < _MESSAGE_LAST; type++) {
                size_t length = message_sample(type, &sample);
                bool forwarder = is_one_of(type, of_forwarder, ARRAY_SIZE(of_forwarder));
                bool both = is_one_of(type, from_both, ARRAY_SIZE(from_both)) ||
                            is_one_of(type, to_both, ARRAY_SIZE(to_both));
                int as_frontend = MAX_OF(message_check_from_frontend(&sample, length),
                                         message_check_from_keeper(&sample, length));
                int as_forwarder = MAX_OF(message_check_from_forwarder(&sample, length),
                                          message_check_to_forwarder(&sample, length));

                assert_int_equal(as_frontend, forwarder ? -EBADMSG : (int)type);
                assert_int_equal(as_forwarder, forwarder || both ? (int)type : -EBADMSG);
        }
}

static void test_as_many_refusals_as_there_can_be(void **state)
{
        size_t length = message_sample(MESSAGE_KEYS, &sample);
        struct message_keys *message = (struct message_keys *)&sample;

        for (size_t i = 2; i < KEY_FILES_MAX; i++) {
                message->view.refusals[i] = message->view.refusals[1];
        }
        message->view.n_refusals = 1;
        assert_int_equal(check(MESSAGE_KEYS, length), -EBADMSG);
        message->view.n_refusals = 3;
        assert_int_equal(check(MESSAGE_KEYS, length), -EBADMSG);
        message->view.n_refusals = KEY_FILES_MAX;
        assert_int_equal(check(MESSAGE_KEYS, message_keys_size(&message->view)), MESSAGE_KEYS);
        message->view.n_refusals = KEY_FILES_MAX + 1;
        assert_int_equal(check(MESSAGE_KEYS, message_keys_size(&message->view)), -EBADMSG);
        message->view.n_refusals = SIZE_MAX; /* a length that wraps around */
        assert_int_equal(check(MESSAGE_KEYS, message_keys_size(&message->view)), -EBADMSG);
        message->view.n_refusals = 0;
        assert_int_equal(check(MESSAGE_KEYS, sizeof(*message)), MESSAGE_KEYS);
}

/* ---- one field of a sample is another ---- */

struct change {
        uint32_t type;
        size_t offset, size;
        const char *text; /* with 0 behind it; NULL: it is a number */
        int64_t number;
        bool unended; /* x all over */
        const char *what;
};

#define AT(name, member) offsetof(struct name, member), sizeof(((struct name *)NULL)->member)
#define N(type, name, member, number)                                                                       \
        {                                                                                                   \
                MESSAGE_##type, AT(name, member), NULL, number, false, #name "." #member " = " #number      \
        }
#define S(type, name, member, text)                                                                         \
        {                                                                                                   \
                MESSAGE_##type, AT(name, member), text, 0, false, #name "." #member " = " #text             \
        }
#define UNENDED(type, name, member)                                                                         \
        {                                                                                                   \
                MESSAGE_##type, AT(name, member), NULL, 0, true, #name "." #member " without an end"        \
        }

static void set_number(unsigned char *at, size_t size, int64_t number)
{
        int32_t smaller = (int32_t)number;

        if (size == 1) {
                *at = (unsigned char)number;
        } else if (size == sizeof(smaller)) {
                memcpy(at, &smaller, size);
        } else {
                assert_int_equal(size, sizeof(number));
                memcpy(at, &number, size);
        }
}

static int check_changed(const struct change *change)
{
        size_t length = message_sample(change->type, &sample);
        unsigned char *at = sample.bytes + change->offset;

        if (change->unended) {
                memset(at, 'x', change->size);
        } else if (change->text) {
                assert_true(strlen(change->text) <= change->size);
                memset(at, 0, change->size);
                memcpy(at, change->text, strlen(change->text));
        } else {
                set_number(at, change->size, change->number);
        }
        return check(change->type, length);
}

#define V(member)   view.member
#define R(member)   view.refresh.member
#define KEY(member) view.refresh.keyring.keys[1].member

static const struct change broken[] = {
        N(CONFINED, message_confined, confinement.no_new_privileges, 2),
        N(CONFINED, message_confined, confinement.filter, 255),

        S(DEMAND, message_question, environment, ""),
        S(DEMAND, message_question, environment, "Sandbox"),
        S(DEMAND, message_question, environment, "../sandbox"),
        S(DEMAND, message_question, environment, "metrics"),
        UNENDED(DEMAND, message_question, environment),
        N(DEMAND, message_question, new_account, 1),
        N(DEMAND, message_question, new_account, 2),
        S(REFRESH, message_question, environment, ""),
        N(REFRESH, message_question, min_ttl_sec, 1),
        N(REFRESH, message_question, new_account, 3),
        S(RELOAD, message_question, environment, "sandbox"),
        N(RELOAD, message_question, min_ttl_sec, 1),
        N(RELOAD, message_question, new_account, 1),

        N(REPORT, message_report, length, 8),
        N(REPORT, message_report, length, MESSAGE_TOKEN_MAX + 1),
        N(REPORT, message_report, length, -1),
        UNENDED(REPORT, message_report, ust),
        S(REPORT, message_report, environment, ""),
        UNENDED(REPORT, message_report, environment),

        N(RECORD, message_record, priority, LOG_CRIT),
        N(RECORD, message_record, priority, LOG_DEBUG + 1),
        N(RECORD, message_record, priority, -1),
        S(RECORD, message_record, id, "0123456789abcdef0123456789abcde"),
        S(RECORD, message_record, id, "0123456789ABCDEF0123456789abcdef"),
        UNENDED(RECORD, message_record, id),
        UNENDED(RECORD, message_record, environment),
        UNENDED(RECORD, message_record, key),
        UNENDED(RECORD, message_record, client),
        UNENDED(RECORD, message_record, uid),
        UNENDED(RECORD, message_record, unit),
        UNENDED(RECORD, message_record, text),

        N(LANE, message_lane, id, MESSAGE_LANES_MAX),
        N(LANE, message_lane, id, -1),
        N(LANE_DEAD, message_lane, id, MESSAGE_LANES_MAX),
        N(LANE_BROKEN, message_lane, id, MESSAGE_LANES_MAX),
        N(FORWARDER, message_forwarder, running, 2),
        S(STALE, message_upstream_name, environment, ""),
        S(UPSTREAM_GONE, message_upstream_name, environment, "Sandbox"),
        S(UPSTREAM, message_upstream, environment, ""),
        S(UPSTREAM, message_upstream, base_url, ""),
        UNENDED(UPSTREAM, message_upstream, base_url),
        S(UPSTREAM, message_upstream, proxy, "http://proxy\r\n"),
        UNENDED(UPSTREAM, message_upstream, proxy),
        N(UPSTREAM, message_upstream, authorities_length, MESSAGE_AUTHORITIES_MAX + 1),
        N(UPSTREAM, message_upstream, authorities_length, -1),
        N(UPSTREAM, message_upstream, proxy_authorities_length, MESSAGE_AUTHORITIES_MAX + 1),
        N(UPSTREAM, message_upstream, n_addresses, 1), /* there are two */
        N(UPSTREAM, message_upstream, n_addresses, 3),
        N(UPSTREAM, message_upstream, n_addresses, MESSAGE_ADDRESSES_MAX + 1),
        S(UPSTREAM, message_upstream, addresses[0], ""),
        S(UPSTREAM, message_upstream, addresses[1], "localhost"),
        S(UPSTREAM, message_upstream, addresses[1], "192.0.2.1:80"),
        S(UPSTREAM, message_upstream, addresses[2], "192.0.2.3"),
        UNENDED(UPSTREAM, message_upstream, addresses[7]),

        S(HELLO, message_hello, version, ""),
        S(HELLO, message_hello, version, "\x01"),
        UNENDED(HELLO, message_hello, version),
        N(HELLO, message_hello, log_max_priority, LOG_CRIT),
        N(HELLO, message_hello, keeper.filter, 2),

        N(SETTINGS, message_settings, metrics, 2),
        N(SETTINGS, message_settings, socket_group_by_name, 2),
        N(SETTINGS, message_settings, end_unix, 2),
        N(SETTINGS, message_settings, max_connections, 0),
        N(SETTINGS, message_settings, max_connections, 63), /* one user may have 64 */
        N(SETTINGS, message_settings, max_connections, MAX_CONNECTIONS_MOST + 1),
        N(SETTINGS, message_settings, max_connections_per_user, 0),
        N(SETTINGS, message_settings, max_connections_per_user, -1),
        N(SETTINGS, message_settings, n_environments, 4), /* the fourth has no name */
        N(SETTINGS, message_settings, n_environments, SETTINGS_ENVIRONMENTS_MAX + 1),
        S(SETTINGS, message_settings, environments[1].name, "production"), /* twice */
        S(SETTINGS, message_settings, environments[1].name, ""),
        UNENDED(SETTINGS, message_settings, environments[31].name),
        N(SETTINGS, message_settings, environments[2].has_allow, 2),
        N(SETTINGS, message_settings, environments[31].has_operators, 2),

        N(RULES, message_rules, environment, -2),
        N(RULES, message_rules, environment, SETTINGS_ENVIRONMENTS_MAX),
        N(RULES, message_rules, operators, 2),
        N(RULES, message_rules, n, 65),
        N(RULES, message_rules, n, -1),
        N(RULES, message_rules, n, 64), /* those behind the sixth are nothing */
        N(RULES, message_rules, rules[0].kind, ACCESS_RULE_LOCAL + 1),
        N(RULES, message_rules, rules[0].kind, -1),
        N(RULES, message_rules, rules[0].resolved, 2),
        N(RULES, message_rules, rules[0].resolved, 0),
        N(RULES, message_rules, rules[1].resolved, 0),
        N(RULES, message_rules, rules[5].resolved, 0),
        N(RULES, message_rules, rules[0].optional, 2),
        N(RULES, message_rules, rules[4].absent, 2),
        N(RULES, message_rules, rules[3].absent, 1),    /* it has a number */
        S(RULES, message_rules, rules[1].name, "root"), /* of a number */
        S(RULES, message_rules, rules[3].name, ""),
        S(RULES, message_rules, rules[3].name, "1000"),
        S(RULES, message_rules, rules[4].name, "a23456789012345678901234567890123"),
        S(RULES, message_rules, rules[4].name, "a:b"),
        S(RULES, message_rules, rules[5].name, "worker"),
        UNENDED(RULES, message_rules, rules[5].name),
        UNENDED(RULES, message_rules, rules[63].name),
        N(RULES, message_rules, rules[63].kind, ACCESS_RULE_LOCAL + 1),

        S(ENVIRONMENT, message_environment, V(name), ""),
        S(ENVIRONMENT, message_environment, V(name), "v1"),
        UNENDED(ENVIRONMENT, message_environment, V(name)),
        S(ENVIRONMENT, message_environment, V(base_url), ""),
        S(ENVIRONMENT, message_environment, V(base_url), "https://a b"),
        UNENDED(ENVIRONMENT, message_environment, V(base_url)),
        S(ENVIRONMENT, message_environment, V(account), "\"MAG\""),
        N(ENVIRONMENT, message_environment, R(started), 2),
        N(ENVIRONMENT, message_environment, R(files_unusable), 2),
        N(ENVIRONMENT, message_environment, R(off), 2),
        N(ENVIRONMENT, message_environment, R(has_token), 2),
        N(ENVIRONMENT, message_environment, R(in_flight), 2),
        N(ENVIRONMENT, message_environment, R(in_flight_reason), _REFRESH_REASON_COUNT),
        N(ENVIRONMENT, message_environment, R(in_flight_share), _REFRESH_SHARE_COUNT),
        N(ENVIRONMENT, message_environment, R(due_reason), _REFRESH_REASON_COUNT),
        N(ENVIRONMENT, message_environment, R(wish_reason), -1),
        N(ENVIRONMENT, message_environment, R(wish_new_account), 2),
        N(ENVIRONMENT, message_environment, R(round), 2),
        N(ENVIRONMENT, message_environment, R(round_share), _REFRESH_SHARE_COUNT),
        N(ENVIRONMENT, message_environment, R(rounded), 2),
        N(ENVIRONMENT, message_environment, R(trial_rounded), 2),
        N(ENVIRONMENT, message_environment, R(budget.ring[0].share), _REFRESH_SHARE_COUNT),
        N(ENVIRONMENT, message_environment, R(budget.ring[59].share), -1),
        N(ENVIRONMENT, message_environment, R(keyring.n), 7),
        N(ENVIRONMENT, message_environment, R(keyring.n), -1),
        S(ENVIRONMENT, message_environment, KEY(label), "-"),
        UNENDED(ENVIRONMENT, message_environment, KEY(label)),
        N(ENVIRONMENT, message_environment, KEY(known.standing), _KEY_STANDING_COUNT),
        N(ENVIRONMENT, message_environment, KEY(known.cause), _KEY_CAUSE_COUNT),
        N(ENVIRONMENT, message_environment, KEY(kept), 2),
        N(ENVIRONMENT, message_environment, KEY(trial_stands), 2),
        N(ENVIRONMENT, message_environment, KEY(heard), _KEY_HEARD_COUNT),
        N(ENVIRONMENT, message_environment, KEY(asked_around), 2),
        UNENDED(ENVIRONMENT, message_environment, R(keyring.keys[5].label)),
        N(ENVIRONMENT, message_environment, V(trouble.any), 2),
        N(ENVIRONMENT, message_environment, V(trouble.outcome), _EXCHANGE_OUTCOME_COUNT),
        N(ENVIRONMENT, message_environment, V(trouble.kind), _ANSWER_KIND_COUNT),
        N(ENVIRONMENT, message_environment, V(trouble.unsent), 2),
        S(ENVIRONMENT, message_environment, V(trouble.key_label), " "),
        S(ENVIRONMENT, message_environment, V(trouble.account), "two words"),
        UNENDED(ENVIRONMENT, message_environment, V(trouble.account_in_use)),
        UNENDED(ENVIRONMENT, message_environment, V(trouble.why)),
        N(ENVIRONMENT, message_environment, V(odd_answer.any), 2),
        N(ENVIRONMENT, message_environment, V(odd_answer.status), 1000),
        N(ENVIRONMENT, message_environment, V(odd_answer.status), -1),
        N(ENVIRONMENT, message_environment, V(odd_answer.kind), _ANSWER_KIND_COUNT),
        S(ENVIRONMENT, message_environment, V(odd_answer.content_type), "text\n"),
        S(ENVIRONMENT, message_environment, V(odd_answer.header_names), "\x1b[2J"),
        UNENDED(ENVIRONMENT, message_environment, V(odd_answer.redirect_host)),
        S(ENVIRONMENT, message_environment, V(odd_answer.excerpt.message), "\xc3\xa4"),
        UNENDED(ENVIRONMENT, message_environment, V(odd_answer.excerpt.message)),

        N(SESSION, message_session, lifetime_sec, 0),
        N(SESSION, message_session, lifetime_sec, 301), /* expires_usec says 300 */
        N(SESSION, message_session, lifetime_sec, LIFETIME_MAX_SEC + 1),
        N(SESSION, message_session, serial, 0),
        N(SESSION, message_session, sent_usec, 401 * USEC_PER_SEC), /* after its end */
        N(SESSION, message_session, expires_usec, -1),
        S(SESSION, message_session, environment, ""),
        UNENDED(SESSION, message_session, environment),
        S(SESSION, message_session, key_label, "a/b"),
        UNENDED(SESSION, message_session, key_label),
        S(SESSION, message_session, mage_id, ""),
        S(SESSION, message_session, mage_id, "a'b"),
        UNENDED(SESSION, message_session, mage_id),
        S(SESSION, message_session, ust, ""),
        S(SESSION, message_session, ust, "to ken"),
        S(SESSION, message_session, ust, "to\"ken"),
        S(SESSION, message_session, ust, "to\r\nken"),
        UNENDED(SESSION, message_session, ust),

        N(GATEWAY, message_gateway, environment, -1),
        N(GATEWAY, message_gateway, environment, SETTINGS_ENVIRONMENTS_MAX),
        N(GATEWAY, message_gateway, on, 2),
        N(GATEWAY, message_gateway, encoded_slash, 2),
        N(LOCAL_KEY, message_local_key, has_old, 2),
        N(LOCAL_KEY, message_local_key, real, 2),
        S(LOCAL_KEY, message_local_key, name, ""),
        S(LOCAL_KEY, message_local_key, name, "a b"),
        UNENDED(LOCAL_KEY, message_local_key, name),
        S(LOCAL_KEY, message_local_key, environment, "Sandbox"),
        UNENDED(LOCAL_KEY, message_local_key, environment),
        S(LOCAL_KEY, message_local_key, id, ""),
        S(LOCAL_KEY, message_local_key, id, "a:b"),
        UNENDED(LOCAL_KEY, message_local_key, id),
        UNENDED(LOCAL_KEY, message_local_key, place),
        N(LOCAL_CALLER, message_local_caller, rule.kind, ACCESS_RULE_UNIT),
        N(LOCAL_CALLER, message_local_caller, rule.kind, ACCESS_RULE_LOCAL),
        N(LOCAL_CALLER, message_local_caller, rule.kind, ACCESS_RULE_ANY), /* with a name */
        S(LOCAL_CALLER, message_local_caller, rule.name, ""),
        S(LOCAL_CALLER, message_local_caller, rule.name, "a b"),
        UNENDED(LOCAL_CALLER, message_local_caller, rule.name),
        N(GATEWAY_RULE, message_gateway_rule, environment, -2),
        N(GATEWAY_RULE, message_gateway_rule, environment, SETTINGS_ENVIRONMENTS_MAX),
        N(GATEWAY_RULE, message_gateway_rule, rule.deny, 1), /* in a local key there is none */
        N(GATEWAY_RULE, message_gateway_rule, rule.who.kind, ACCESS_RULE_UID), /* nor is anybody named */
        S(GATEWAY_RULE, message_gateway_rule, rule.methods, ""),
        S(GATEWAY_RULE, message_gateway_rule, rule.methods, "get"),
        S(GATEWAY_RULE, message_gateway_rule, rule.methods, "GET,"),
        UNENDED(GATEWAY_RULE, message_gateway_rule, rule.methods),
        S(GATEWAY_RULE, message_gateway_rule, rule.pattern, ""),
        S(GATEWAY_RULE, message_gateway_rule, rule.pattern, "/rest/v2/x"),
        S(GATEWAY_RULE, message_gateway_rule, rule.pattern, "/rest/v1/x\n"),
        UNENDED(GATEWAY_RULE, message_gateway_rule, rule.pattern),
        UNENDED(GATEWAY_RULE, message_gateway_rule, rule.place),
        N(OPAQUE_KEYS, message_opaque_keys, n, MESSAGE_OPAQUE_KEYS_MAX + 1),
        N(OPAQUE_KEYS, message_opaque_keys, n, -1),
        S(OPAQUE_KEYS, message_opaque_keys, environment, ""),
        UNENDED(OPAQUE_KEYS, message_opaque_keys, environment),

        UNENDED(KEYS, message_keys, V(directory)),
        N(KEYS, message_keys, V(are_credentials), 2),
        N(KEYS, message_keys, V(n_ids), KEY_IDS_MAX + 1),
        N(KEYS, message_keys, V(n_ids), -1),
        S(KEYS, message_keys, V(refusals[0].file), ""),
        S(KEYS, message_keys, V(refusals[1].file), "a\nb"),
        UNENDED(KEYS, message_keys, V(refusals[1].file)),
        S(KEYS, message_keys, V(refusals[1].environment), "A"),
        UNENDED(KEYS, message_keys, V(refusals[1].reason)),
        N(KEYS, message_keys, V(refusals[1].denied), 2),
        N(KEYS, message_keys, V(refusals[1].passes), 255),

        N(OUTCOME, message_outcome, verdict, _REFRESH_VERDICT_COUNT),
        N(OUTCOME, message_outcome, verdict, -1),
        N(OUTCOME, message_outcome, obstacle.limit, _REFRESH_LIMIT_COUNT),
        N(OUTCOME, message_outcome, stopping, 2),
        UNENDED(OUTCOME, message_outcome, message),

        N(GROUPS_TOLD, message_groups_told, told, 2),
        N(GROUPS_TOLD, message_groups_told, told, 0), /* but there are two */
        N(GROUPS_TOLD, message_groups_told, n, MESSAGE_GROUPS_MAX + 1),
        N(GROUPS_TOLD, message_groups_told, n, -1),

        S(UNIT_TOLD, message_unit_told, unit, "worker"),
        S(UNIT_TOLD, message_unit_told, unit, "a b.service"),
        UNENDED(UNIT_TOLD, message_unit_told, unit),

        N(LISTENER, message_listener, kind, _MESSAGE_LISTENER_KIND_COUNT),
        N(LISTENER, message_listener, id, MESSAGE_LISTENERS_MAX),
        N(LISTENER, message_listener, place.tcp, 2),
        UNENDED(LISTENER, message_listener, place.address),
        S(LISTENER, message_listener, place.address, "\n"),
        UNENDED(LISTENER, message_listener, name),
        N(LISTENER, message_listener, passed, 2),
        N(LISTENER_GONE, message_listener_gone, id, MESSAGE_LISTENERS_MAX),
        N(LISTENER_GONE, message_listener_gone, id, -1),
};

/* Samples that may look odd, or are at their bounds. */
static const struct change sound[] = {
        N(CONFINED, message_confined, confinement.filter, 0),
        N(DEMAND, message_question, min_ttl_sec, 0),
        N(REFRESH, message_question, new_account, 0),
        N(REPORT, message_report, length, MESSAGE_TOKEN_MAX),
        S(RECORD, message_record, id, ""),
        S(RECORD, message_record, environment, ""),
        S(RECORD, message_record, key, ""),
        S(RECORD, message_record, client, ""),
        S(RECORD, message_record, uid, ""),
        S(RECORD, message_record, unit, ""),
        S(RECORD, message_record, text, ""),
        N(RECORD, message_record, priority, LOG_ERR),
        N(RECORD, message_record, priority, LOG_DEBUG),
        N(SETTINGS, message_settings, n_environments, 0),
        N(SETTINGS, message_settings, max_connections, MAX_CONNECTIONS_MOST),
        N(SETTINGS, message_settings, max_connections, 64),
        N(SETTINGS, message_settings, max_connections_per_user, 1),
        N(RULES, message_rules, environment, SETTINGS_ENVIRONMENTS_MAX - 1),
        N(RULES, message_rules, n, 0),
        N(RULES, message_rules, rules[3].resolved, 0),
        N(RULES, message_rules, rules[4].resolved, 1),
        S(ENVIRONMENT, message_environment, V(account), ""),
        N(ENVIRONMENT, message_environment, R(budget.n), -1),
        N(ENVIRONMENT, message_environment, R(n_failures), -1),
        N(ENVIRONMENT, message_environment, R(keyring.n), 6),
        N(ENVIRONMENT, message_environment, V(odd_answer.status), 999),
        S(ENVIRONMENT, message_environment, V(trouble.why), "\xff\n"),
        S(SESSION, message_session, key_label, ""),
        N(GATEWAY, message_gateway, environment, SETTINGS_ENVIRONMENTS_MAX - 1),
        N(LOCAL_KEY, message_local_key, expires_sec, -1),
        S(LOCAL_KEY, message_local_key, place, ""),
        N(LOCAL_CALLER, message_local_caller, rule.resolved, 0),
        N(GATEWAY_RULE, message_gateway_rule, environment, SETTINGS_ENVIRONMENTS_MAX - 1),
        S(GATEWAY_RULE, message_gateway_rule, rule.methods, "*"),
        S(GATEWAY_RULE, message_gateway_rule, rule.pattern, "/rest/v1/**"),
        N(OPAQUE_KEYS, message_opaque_keys, n, 0),
        N(OPAQUE_KEYS, message_opaque_keys, n, MESSAGE_OPAQUE_KEYS_MAX),
        S(KEYS, message_keys, V(directory), ""),
        N(KEYS, message_keys, V(n_ids), KEY_IDS_MAX),
        S(OUTCOME, message_outcome, message, ""),
        N(OUTCOME, message_outcome, verdict, REFRESH_NO_KEY),
        N(GROUPS_TOLD, message_groups_told, n, MESSAGE_GROUPS_MAX),
        N(UNIT, message_unit, cgroup, -1),
        S(UNIT_TOLD, message_unit_told, unit, ""),
        N(LISTENER, message_listener, kind, MESSAGE_ASKS_FOR_PEERS),
        S(LISTENER, message_listener, place.address, ""),
        N(LISTENER_GONE, message_listener_gone, id, MESSAGE_LISTENERS_MAX - 1),
};

static void test_one_broken_field_is_enough(void **state)
{
        for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
                if (check_changed(&broken[i]) != -EBADMSG) {
                        fail_msg("%s is believed", broken[i].what);
                }
        }
}

static void test_values_in_bounds_are_accepted(void **state)
{
        for (size_t i = 0; i < ARRAY_SIZE(sound); i++) {
                if (check_changed(&sound[i]) != (int)sound[i].type) {
                        fail_msg("%s is refused", sound[i].what);
                }
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_type_is_taken_by_one_end),
                cmocka_unit_test(test_every_other_length_is_refused),
                cmocka_unit_test(test_each_child_has_its_own_words),
                cmocka_unit_test(test_other_types_are_refused),
                cmocka_unit_test(test_as_many_refusals_as_there_can_be),
                cmocka_unit_test(test_one_broken_field_is_enough),
                cmocka_unit_test(test_values_in_bounds_are_accepted),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}

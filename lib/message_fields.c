/* The structs of lib/message.h, field by field. A field that is missing here is found by
 * tests/unit/test_message_fields.c. */
#include "lib/message_fields.h"

#include "lib/message.h"
#include "lib/util.h"

#include <arpa/inet.h>

/* ---- texts ---- */

static bool is_printable(const char *text, size_t length)
{
        for (size_t i = 0; i < length; i++) {
                if (text[i] < 0x20 || text[i] > 0x7e) {
                        return false;
                }
        }
        return true;
}

/* As ust and mage_id are; its array bounds its length. */
static bool is_plain(const char *text, size_t length)
{
        return token_exchange_is_plain(text, length, length);
}

static bool is_record_id(const char *text, size_t length)
{
        return length == MESSAGE_RECORD_ID_LENGTH && strspn(text, "0123456789abcdef") == length;
}

static bool is_unit(const char *text, size_t length)
{
        return !unit_name_fault(text, length);
}

static bool is_address(const char *text, size_t length)
{
        unsigned char room[sizeof(struct in6_addr)];

        return inet_pton(AF_INET, text, room) == 1 || inet_pton(AF_INET6, text, room) == 1;
}

/* ---- the forms of rows; T is the struct that the table is of ---- */

#define FIELD(member, ...)                                                                                  \
        {                                                                                                   \
                offsetof(T, member), sizeof(((T *)NULL)->member), __VA_ARGS__                               \
        }
#define ANY(member)                 FIELD(member, MESSAGE_FIELD_ANY)
#define BOOL(member)                FIELD(member, MESSAGE_FIELD_BOOL)
#define RANGE(member, min, max)     FIELD(member, MESSAGE_FIELD_NUMBER, min, max)
#define UP_TO(member, max)          RANGE(member, 0, max)
#define ENUM(member, count)         RANGE(member, 0, (int64_t)(count)-1)
#define TEXT(member)                FIELD(member, MESSAGE_FIELD_TEXT, .may_be_empty = true)
#define NAME(member, valid)         FIELD(member, MESSAGE_FIELD_TEXT, 0, 0, valid)
#define NAME_OR_NONE(member, valid) FIELD(member, MESSAGE_FIELD_TEXT, 0, 0, valid, true)
#define STRUCTS(member, fields)     FIELD(member, MESSAGE_FIELD_STRUCTS, .of = &(fields))
#define TABLE(name, ...)                                                                                    \
        static const struct message_field name##_rows[] = { __VA_ARGS__ };                                  \
        static const struct message_fields name = { name##_rows, ARRAY_SIZE(name##_rows), sizeof(T) }

/* ---- what an environment is like ---- */

#define T struct key_knowledge
TABLE(knowledge, ENUM(standing, _KEY_STANDING_COUNT), ENUM(cause, _KEY_CAUSE_COUNT), ANY(seen_usec));
#undef T

#define T struct key_state
TABLE(key, ANY(serial), NAME_OR_NONE(label, key_label_valid), STRUCTS(known, knowledge), BOOL(kept),
      ANY(trial_usec), BOOL(trial_stands), ANY(n_trials), ANY(held_usec), ANY(cool_usec), ANY(put_off_usec),
      ENUM(heard, _KEY_HEARD_COUNT), ANY(failed_usec), ANY(asked), BOOL(asked_around));
#undef T

#define T struct keyring
TABLE(keyring, STRUCTS(keys, key), UP_TO(n, ARRAY_SIZE(((T *)NULL)->keys)), ANY(asked_serial), ANY(n_asked));
#undef T

#define T struct refresh_sent
TABLE(sent, ANY(usec), ENUM(share, _REFRESH_SHARE_COUNT));
#undef T

#define T struct refresh_budget
TABLE(budget, STRUCTS(ring, sent), ANY(n), ANY(latest_usec));
#undef T

#define T struct refresh_store
TABLE(store, BOOL(used), ANY(claimed_usec), ANY(go_serial), ANY(wait_usec), BOOL(failed), ANY(rest_usec),
      ANY(n_leased), ANY(n_waits), ANY(patience_usec), ANY(attempt_usec), ANY(calm_usec), ANY(own_usec),
      BOOL(found), BOOL(late), ANY(n_rejected), ANY(distrust_usec), ANY(lifetime_sec), ANY(min_ttl_sec));
#undef T

#define T struct refresh
TABLE(refresh, STRUCTS(keyring, keyring), STRUCTS(budget, budget), BOOL(started), BOOL(files_unusable),
      BOOL(off), ANY(keyless_usec), BOOL(has_token), ANY(token_serial), ANY(expires_usec),
      ANY(refresh_point_usec), ANY(last_chance_usec), ANY(attainable_sec), BOOL(in_flight), BOOL(claiming),
      ANY(in_flight_key), ANY(sent_usec), ENUM(in_flight_reason, _REFRESH_REASON_COUNT),
      ENUM(in_flight_share, _REFRESH_SHARE_COUNT), ANY(due_usec), ENUM(due_reason, _REFRESH_REASON_COUNT),
      ANY(wish_usec), ENUM(wish_reason, _REFRESH_REASON_COUNT), BOOL(wish_new_account), BOOL(round),
      ENUM(round_share, _REFRESH_SHARE_COUNT), ANY(n_failures), ANY(n_before), BOOL(rounded),
      BOOL(trial_rounded), ANY(unauthorized_usec), ANY(needed_usec), ANY(needed_before_usec),
      ANY(retry_after_usec), ANY(reported_serial), ANY(reported_usec), STRUCTS(store, store));
#undef T

#define T struct environment_trouble
TABLE(trouble, BOOL(any), ENUM(outcome, _EXCHANGE_OUTCOME_COUNT), ENUM(kind, _ANSWER_KIND_COUNT),
      BOOL(unsent), ANY(at_usec), NAME_OR_NONE(key_label, key_label_valid), NAME_OR_NONE(account, is_plain),
      NAME_OR_NONE(account_in_use, is_plain), TEXT(why));
#undef T

#define T struct answer_excerpt
TABLE(excerpt, ANY(code), NAME_OR_NONE(message, is_printable));
#undef T

#define T struct environment_odd_answer
TABLE(odd_answer, BOOL(any), ANY(at_usec), UP_TO(status, 999), ENUM(kind, _ANSWER_KIND_COUNT),
      NAME_OR_NONE(content_type, is_printable), NAME_OR_NONE(header_names, is_printable),
      NAME_OR_NONE(redirect_host, is_printable), STRUCTS(excerpt, excerpt));
#undef T

#define T struct share_view
TABLE(share, ENUM(mode, _SHARE_MODE_COUNT), BOOL(asked), ENUM(state, _STORE_STATE_COUNT),
      NAME_OR_NONE(store, is_printable), ENUM(lease, _SHARE_LEASE_COUNT), BOOL(skew_known), ANY(skew_sec),
      ANY(n_adopted), ANY(n_published), ANY(n_rejected), ANY(n_unusable), ANY(n_claims));
#undef T

#define T struct environment_view
TABLE(view, NAME(name, environment_name_valid), NAME(base_url, is_plain), NAME_OR_NONE(account, is_plain),
      ANY(exchange_timeout_usec), STRUCTS(refresh, refresh), ANY(last_refresh_usec),
      STRUCTS(trouble, trouble), STRUCTS(odd_answer, odd_answer), STRUCTS(share, share), ANY(n_outcomes),
      ANY(n_exchanges), ANY(n_answered), ANY(n_failures_in_row), ANY(n_limited), ANY(n_news));
#undef T

#define T struct message_environment
TABLE(environment, ANY(type), ANY(session_serial), STRUCTS(view, view));
#undef T

/* ---- settings ---- */

#define T struct message_settings_environment
TABLE(settings_environment_fields, NAME_OR_NONE(name, environment_name_valid), BOOL(has_allow),
      BOOL(has_operators));
#undef T

#define T struct message_settings
TABLE(settings, ANY(type), ANY(own_uid), BOOL(metrics), BOOL(socket_group_by_name), BOOL(end_unix),
      RANGE(max_connections, 1, MAX_CONNECTIONS_MOST),
      RANGE(max_connections_per_user, 1, MAX_CONNECTIONS_MOST),
      UP_TO(n_environments, SETTINGS_ENVIRONMENTS_MAX), STRUCTS(environments, settings_environment_fields));
#undef T

#define T struct access_rule
TABLE(rule, ENUM(kind, ACCESS_RULE_LOCAL + 1), BOOL(resolved), BOOL(absent), BOOL(optional), ANY(id),
      TEXT(name));
#undef T

#define T struct message_rules
TABLE(rules, ANY(type), RANGE(environment, -1, SETTINGS_ENVIRONMENTS_MAX - 1), BOOL(operators),
      UP_TO(n, MESSAGE_RULES_MAX), STRUCTS(rules, rule));
#undef T

#define T struct message_gateway
TABLE(gateway, ANY(type), RANGE(environment, 0, SETTINGS_ENVIRONMENTS_MAX - 1), BOOL(on),
      BOOL(encoded_slash), ANY(body_max), ANY(answer_timeout_usec));
#undef T

#define T struct message_local_key
TABLE(local_key, ANY(type), BOOL(has_old), BOOL(real), ANY(old_until_sec), ANY(expires_sec),
      NAME(name, local_key_name_valid), NAME(environment, environment_name_valid),
      NAME(id, local_key_id_valid), ANY(secret_hash), ANY(old_secret_hash), TEXT(place));
#undef T

#define T struct message_local_caller
TABLE(local_caller, ANY(type), STRUCTS(rule, rule));
#undef T

#define T struct gateway_rule
TABLE(gateway_rule_fields, BOOL(deny), STRUCTS(who, rule), NAME(methods, is_printable),
      NAME(pattern, is_printable), TEXT(place));
#undef T

#define T struct message_gateway_rule
TABLE(gateway_rule, ANY(type), RANGE(environment, -1, SETTINGS_ENVIRONMENTS_MAX - 1),
      STRUCTS(rule, gateway_rule_fields));
#undef T

/* ---- keys ---- */

#define T struct message_opaque_keys
TABLE(opaque_keys, ANY(type), UP_TO(n, MESSAGE_OPAQUE_KEYS_MAX), NAME(environment, environment_name_valid),
      ANY(keys));
#undef T

#define T struct key_refusal
TABLE(refusal, NAME(file, is_printable), NAME_OR_NONE(environment, environment_name_valid), TEXT(reason),
      BOOL(denied), BOOL(passes));
#undef T

#define T struct keys_view
TABLE(keys_view, TEXT(directory), BOOL(are_credentials), ANY(salt), UP_TO(n_ids, KEY_IDS_MAX), ANY(ids),
      UP_TO(n_refusals, KEY_FILES_MAX));
#undef T

#define T struct message_keys
TABLE(keys, ANY(type), STRUCTS(view, keys_view));
#undef T

/* ---- the small ones ---- */

#define T struct confinement
TABLE(confinement, BOOL(no_new_privileges), BOOL(filter), ANY(landlock));
#undef T

#define T struct message_confined
TABLE(confined, ANY(type), STRUCTS(confinement, confinement));
#undef T

#define T struct message_question
TABLE(question, ANY(type), ANY(min_ttl_sec), ANY(number), BOOL(new_account),
      NAME_OR_NONE(environment, environment_name_valid));
#undef T

#define T struct message_report
TABLE(report, ANY(type), UP_TO(length, MESSAGE_TOKEN_MAX), ANY(number),
      NAME(environment, environment_name_valid), ANY(ust));
#undef T

#define T struct message_groups
TABLE(groups, ANY(type), ANY(uid));
#undef T

#define T struct message_unit
TABLE(unit, ANY(type), ANY(cgroup));
#undef T

#define T struct message_plain
TABLE(plain, ANY(type));
#undef T

#define T struct message_record
TABLE(record, ANY(type), RANGE(priority, MESSAGE_PRIORITY_MIN, MESSAGE_PRIORITY_MAX),
      NAME_OR_NONE(id, is_record_id), TEXT(environment), TEXT(key), TEXT(client), TEXT(uid), TEXT(unit),
      TEXT(text));
#undef T

#define T struct message_ping
TABLE(ping, ANY(type), ANY(number));
#undef T

#define T struct message_hello
TABLE(hello, ANY(type), NAME(version, is_printable), ANY(first_number), ANY(started_usec),
      RANGE(log_max_priority, MESSAGE_PRIORITY_MIN, MESSAGE_PRIORITY_MAX), ANY(service_pid),
      STRUCTS(keeper, confinement));
#undef T

#define T struct message_session
TABLE(session, ANY(type), RANGE(lifetime_sec, 1, LIFETIME_MAX_SEC), ANY(serial), ANY(sent_usec),
      ANY(expires_usec), NAME(environment, environment_name_valid), NAME_OR_NONE(key_label, key_label_valid),
      NAME(mage_id, is_plain), NAME(ust, is_plain));
#undef T

#define T struct refresh_obstacle
TABLE(obstacle, ENUM(limit, _REFRESH_LIMIT_COUNT), ANY(until_usec));
#undef T

#define T struct message_outcome
TABLE(outcome, ANY(type), ANY(number), ENUM(verdict, _REFRESH_VERDICT_COUNT), STRUCTS(obstacle, obstacle),
      BOOL(stopping), TEXT(message));
#undef T

#define T struct message_groups_told
TABLE(groups_told, ANY(type), ANY(uid), BOOL(told), UP_TO(n, MESSAGE_GROUPS_MAX), ANY(groups));
#undef T

#define T struct message_names_told
TABLE(names_told, ANY(type), ANY(again_usec), ANY(until_usec));
#undef T

#define T struct message_unit_told
TABLE(unit_told, ANY(type), ANY(cgroup), NAME_OR_NONE(unit, is_unit));
#undef T

#define T struct message_log
TABLE(log_told, ANY(type), ANY(n_dropped));
#undef T

#define T struct listen_place
TABLE(place, BOOL(tcp), ANY(port), NAME_OR_NONE(address, is_printable));
#undef T

#define T struct message_listener
TABLE(listener, ANY(type), ENUM(kind, _MESSAGE_LISTENER_KIND_COUNT), UP_TO(id, MESSAGE_LISTENERS_MAX - 1),
      STRUCTS(place, place), TEXT(name), BOOL(passed));
#undef T

#define T struct message_listener_gone
TABLE(listener_gone, ANY(type), UP_TO(id, MESSAGE_LISTENERS_MAX - 1));
#undef T

#define T struct message_lane
TABLE(lane, ANY(type), UP_TO(id, MESSAGE_LANES_MAX - 1), ANY(serial));
#undef T

#define T struct message_forwarder
TABLE(forwarder, ANY(type), BOOL(wanted), BOOL(running), BOOL(held_back), ANY(n_ended),
      STRUCTS(confinement, confinement));
#undef T

#define ADDRESS(i) NAME_OR_NONE(addresses[i], is_address)
#define T          struct message_upstream
TABLE(upstream, ANY(type), UP_TO(authorities_length, MESSAGE_AUTHORITIES_MAX),
      UP_TO(proxy_authorities_length, MESSAGE_AUTHORITIES_MAX), ANY(connect_timeout_usec),
      ANY(answer_timeout_usec), UP_TO(n_addresses, MESSAGE_ADDRESSES_MAX),
      NAME(environment, environment_name_valid), NAME(base_url, is_plain), NAME_OR_NONE(proxy, is_printable),
      ADDRESS(0), ADDRESS(1), ADDRESS(2), ADDRESS(3), ADDRESS(4), ADDRESS(5), ADDRESS(6), ADDRESS(7));
#undef T

#define T struct message_upstream_name
TABLE(upstream_name, ANY(type), NAME(environment, environment_name_valid));
#undef T

/* ---- types ---- */

const struct message_fields *message_fields_of(uint32_t type)
{
        static const struct message_fields *const by_type[_MESSAGE_LAST] = {
                [MESSAGE_CONFINED] = &confined,
                [MESSAGE_DEMAND] = &question,
                [MESSAGE_REPORT] = &report,
                [MESSAGE_REFRESH] = &question,
                [MESSAGE_ALIVE] = &question,
                [MESSAGE_RELOAD] = &question,
                [MESSAGE_GROUPS] = &groups,
                [MESSAGE_NAMES] = &plain,
                [MESSAGE_UNIT] = &unit,
                [MESSAGE_RECORD] = &record,
                [MESSAGE_PONG] = &ping,
                [MESSAGE_HELLO] = &hello,
                [MESSAGE_SETTINGS] = &settings,
                [MESSAGE_RULES] = &rules,
                [MESSAGE_GATEWAY] = &gateway,
                [MESSAGE_LOCAL_KEY] = &local_key,
                [MESSAGE_LOCAL_CALLER] = &local_caller,
                [MESSAGE_GATEWAY_RULE] = &gateway_rule,
                [MESSAGE_SETTINGS_END] = &plain,
                [MESSAGE_ENVIRONMENT] = &environment,
                [MESSAGE_SESSION] = &session,
                [MESSAGE_OPAQUE_KEYS] = &opaque_keys,
                [MESSAGE_KEYS] = &keys,
                [MESSAGE_OUTCOME] = &outcome,
                [MESSAGE_GROUPS_TOLD] = &groups_told,
                [MESSAGE_NAMES_TOLD] = &names_told,
                [MESSAGE_UNIT_TOLD] = &unit_told,
                [MESSAGE_LISTENER] = &listener,
                [MESSAGE_LISTENER_GONE] = &listener_gone,
                [MESSAGE_LOG] = &log_told,
                [MESSAGE_PING] = &ping,
                [MESSAGE_DRAIN] = &plain,
                [MESSAGE_LANE] = &lane,
                [MESSAGE_FORWARDER] = &forwarder,
                [MESSAGE_LANE_DEAD] = &lane,
                [MESSAGE_CARRYING] = &plain,
                [MESSAGE_UPSTREAM] = &upstream,
                [MESSAGE_UPSTREAM_GONE] = &upstream_name,
                [MESSAGE_STALE] = &upstream_name,
                [MESSAGE_LANE_BROKEN] = &lane,
        };

        return type < ARRAY_SIZE(by_type) ? by_type[type] : NULL;
}

const struct message_fields *message_fields_of_refusal(void)
{
        return &refusal;
}

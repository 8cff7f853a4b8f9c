/* May this message be believed? Nothing is read as what it claims to be before its bytes were looked at. */
#include "lib/message.h"
#include "lib/message_fields.h"
#include "lib/util.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

static_assert(sizeof(bool) == 1, "a boolean is read as a byte");
static_assert(sizeof(struct message_keys) == offsetof(struct message_keys, view.refusals),
              "the refusals follow the rest without a gap");
static_assert(sizeof(struct message_keys) + KEY_FILES_MAX * sizeof(struct key_refusal) <= MESSAGE_SIZE_MAX &&
                      sizeof(struct message_settings) <= MESSAGE_SIZE_MAX &&
                      sizeof(struct message_rules) <= MESSAGE_SIZE_MAX &&
                      sizeof(struct message_environment) <= MESSAGE_SIZE_MAX &&
                      sizeof(struct message_session) <= MESSAGE_SIZE_MAX &&
                      sizeof(struct message_groups_told) <= MESSAGE_SIZE_MAX,
              "every message fits");

/* ---- field by field ---- */

/* Of 4 or 8 bytes: there are no others. */
static int64_t read_number(const unsigned char *at, size_t size)
{
        int32_t number;
        int64_t large;

        if (size == sizeof(number)) {
                memcpy(&number, at, sizeof(number));
                return number;
        }
        memcpy(&large, at, sizeof(large));
        return large;
}

static bool is_text(const struct message_field *field, const unsigned char *at)
{
        const char *text = (const char *)at;
        size_t length = strnlen(text, field->size);

        if (length == field->size) {
                return false;
        }
        return length == 0 ? field->may_be_empty : !field->valid || field->valid(text, length);
}

static bool are_sound(const struct message_fields *fields, const unsigned char *at);

static bool is_sound(const struct message_field *field, const unsigned char *at)
{
        switch (field->kind) {
        case MESSAGE_FIELD_ANY:
                return true;
        case MESSAGE_FIELD_BOOL:
                return *at <= 1;
        case MESSAGE_FIELD_NUMBER: {
                int64_t number = read_number(at, field->size);
                return number >= field->min && number <= field->max;
        }
        case MESSAGE_FIELD_TEXT:
                return is_text(field, at);
        case MESSAGE_FIELD_STRUCTS:
                break;
        }
        for (size_t i = 0; i < field->size; i += field->of->size) {
                if (!are_sound(field->of, at + i)) {
                        return false;
                }
        }
        return true;
}

static bool are_sound(const struct message_fields *fields, const unsigned char *at)
{
        for (size_t i = 0; i < fields->n; i++) {
                if (!is_sound(&fields->list[i], at + fields->list[i].offset)) {
                        return false;
                }
        }
        return true;
}

/* ---- what fields say together, once each is sound ---- */

static bool check_question(const struct message_question *message)
{
        bool demand = message->type == MESSAGE_DEMAND, refresh = message->type == MESSAGE_REFRESH;

        return (*message->environment != '\0') == (demand || refresh) &&
               (demand || message->min_ttl_sec == 0) && (refresh || !message->new_account);
}

static bool check_report(const struct message_report *message)
{
        return message->ust[message->length] == '\0';
}

static bool check_settings(const struct message_settings *message)
{
        for (size_t i = 0; i < message->n_environments; i++) {
                if (!*message->environments[i].name) {
                        return false;
                }
                for (size_t j = 0; j < i; j++) {
                        if (streq(message->environments[i].name, message->environments[j].name)) {
                                return false;
                        }
                }
        }
        return message->max_connections_per_user <= message->max_connections;
}

/* Could it have been read from settings? Only names wait to be resolved. */
static bool check_rule(const struct access_rule *rule)
{
        static const char *const prefixes[ACCESS_RULE_LOCAL + 1] = {
                [ACCESS_RULE_USER] = "user:",
                [ACCESS_RULE_GROUP] = "group:",
                [ACCESS_RULE_UNIT] = "unit:",
                [ACCESS_RULE_LOCAL] = "local:",
        };
        const char *prefix = prefixes[rule->kind], *why;
        char text[sizeof("group:") + UNIT_NAME_MAX];
        struct access_rule read;

        if (rule->absent && rule->resolved) {
                return false;
        }
        if (!prefix) {
                return rule->resolved && !*rule->name;
        }
        (void)snprintf(text, sizeof(text), "%s%s", prefix, rule->name);
        return access_rule_parse(text, &read, &why) == 0 && (rule->resolved || !read.resolved);
}

static bool check_rules(const struct message_rules *message)
{
        for (size_t i = 0; i < message->n; i++) {
                if (!check_rule(&message->rules[i])) {
                        return false;
                }
        }
        return true;
}

static bool check_local_caller(const struct message_local_caller *message)
{
        return check_rule(&message->rule) && message->rule.kind != ACCESS_RULE_UNIT &&
               message->rule.kind != ACCESS_RULE_LOCAL;
}

/* In a local key there are allows of anybody only. */
static bool check_gateway_rule(const struct message_gateway_rule *message)
{
        const struct gateway_rule *rule = &message->rule;

        if (message->environment < 0 && (rule->deny || rule->who.kind != ACCESS_RULE_ANY)) {
                return false;
        }
        return check_rule(&rule->who) && rule->who.kind != ACCESS_RULE_UNIT && gateway_rule_valid(rule);
}

static bool check_session(const struct message_session *message)
{
        return message->serial > 0 &&
               message->expires_usec == usec_add(message->sent_usec, message->lifetime_sec * USEC_PER_SEC);
}

static bool check_groups_told(const struct message_groups_told *message)
{
        return message->told || message->n == 0;
}

/* The first so many are addresses, and there are no others. */
static bool check_upstream(const struct message_upstream *message)
{
        for (size_t i = 0; i < ARRAY_SIZE(message->addresses); i++) {
                if ((*message->addresses[i] != '\0') != (i < message->n_addresses)) {
                        return false;
                }
        }
        return true;
}

static bool check_refusals(const struct keys_view *view)
{
        for (size_t i = 0; i < view->n_refusals; i++) {
                if (!are_sound(message_fields_of_refusal(), (const unsigned char *)&view->refusals[i])) {
                        return false;
                }
        }
        return true;
}

static bool check_together(uint32_t type, const void *bytes)
{
        switch (type) {
        case MESSAGE_DEMAND:
        case MESSAGE_REFRESH:
        case MESSAGE_ALIVE:
        case MESSAGE_RELOAD:
                return check_question(bytes);
        case MESSAGE_REPORT:
                return check_report(bytes);
        case MESSAGE_SETTINGS:
                return check_settings(bytes);
        case MESSAGE_RULES:
                return check_rules(bytes);
        case MESSAGE_LOCAL_CALLER:
                return check_local_caller(bytes);
        case MESSAGE_GATEWAY_RULE:
                return check_gateway_rule(bytes);
        case MESSAGE_SESSION:
                return check_session(bytes);
        case MESSAGE_KEYS:
                return check_refusals(&((const struct message_keys *)bytes)->view);
        case MESSAGE_GROUPS_TOLD:
                return check_groups_told(bytes);
        case MESSAGE_UPSTREAM:
                return check_upstream(bytes);
        default:
                return true;
        }
}

/* ---- messages ---- */

enum way {
        FROM_FRONTEND,
        FROM_FORWARDER,
        TO_FRONTEND,
        TO_FORWARDER,
};

static bool goes(uint32_t type, enum way way)
{
        switch (type) {
        case MESSAGE_CONFINED:
        case MESSAGE_RECORD:
        case MESSAGE_PONG:
                return way == FROM_FRONTEND || way == FROM_FORWARDER;
        case MESSAGE_HELLO:
        case MESSAGE_PING:
        case MESSAGE_DRAIN:
        case MESSAGE_LANE:
                return way == TO_FRONTEND || way == TO_FORWARDER;
        case MESSAGE_LANE_DEAD:
        case MESSAGE_LANE_BROKEN:
        case MESSAGE_CARRYING:
                return way == FROM_FRONTEND;
        case MESSAGE_UPSTREAM:
        case MESSAGE_UPSTREAM_GONE:
                return way == TO_FORWARDER;
        case MESSAGE_STALE:
                return way == FROM_FORWARDER;
        default:
                return way == (type < MESSAGE_PONG ? FROM_FRONTEND : TO_FRONTEND);
        }
}

static int check(const void *bytes, size_t length, enum way way)
{
        const struct message_fields *fields;
        uint32_t type;

        if (length < sizeof(type)) {
                return -EBADMSG;
        }
        memcpy(&type, bytes, sizeof(type));
        fields = goes(type, way) ? message_fields_of(type) : NULL;
        if (!fields || length < fields->size || !are_sound(fields, bytes)) {
                return -EBADMSG;
        }
        size_t size = type == MESSAGE_KEYS ? message_keys_size(&((const struct message_keys *)bytes)->view)
                                           : fields->size;
        return length == size && check_together(type, bytes) ? (int)type : -EBADMSG;
}

int message_check_from_frontend(const void *bytes, size_t length)
{
        return check(bytes, length, FROM_FRONTEND);
}

int message_check_from_forwarder(const void *bytes, size_t length)
{
        return check(bytes, length, FROM_FORWARDER);
}

int message_check_from_keeper(const void *bytes, size_t length)
{
        return check(bytes, length, TO_FRONTEND);
}

int message_check_to_forwarder(const void *bytes, size_t length)
{
        return check(bytes, length, TO_FORWARDER);
}

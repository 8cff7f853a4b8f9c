/* A sound message of each type, with something in every field. */
#pragma once

#include "lib/message.h"
#include "lib/message_local.h"
#include "lib/message_session.h"
#include "lib/message_settings.h"
#include "lib/secret.h"
#include "lib/util.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <syslog.h>

static_assert(MESSAGE_PRIORITY_MIN == LOG_ERR && MESSAGE_PRIORITY_MAX == LOG_DEBUG, "those of the log");

#define SAMPLE_ID "0123456789abcdef0123456789abcdef"

/* Room for any message, aligned for all of them. */
union sample {
        uint64_t align;
        uint32_t type;
        unsigned char bytes[MESSAGE_SIZE_MAX];
};

/* Puts a struct, whose first member is `type`, into the sample. Returns its size. */
#define SAMPLE(sample, name, ...)                                                                           \
        ({                                                                                                  \
                struct name _one = { __VA_ARGS__ };                                                         \
                message_copy((sample)->bytes, &_one, _one.type);                                            \
                sizeof(_one);                                                                               \
        })

static inline size_t sample_to_keeper(uint32_t type, union sample *ret)
{
        switch (type) {
        case MESSAGE_CONFINED:
                return SAMPLE(ret, message_confined, type, { true, true, 6 });
        case MESSAGE_DEMAND:
                return SAMPLE(ret, message_question, type, UINT32_MAX, 7, .environment = "sandbox");
        case MESSAGE_REPORT:
                return SAMPLE(ret, message_report, type, 9, 8, "sandbox", "any \xff \"\n'");
        case MESSAGE_REFRESH:
                return SAMPLE(ret, message_question, type, 0, 9, true, "production");
        case MESSAGE_ALIVE:
        case MESSAGE_RELOAD:
                return SAMPLE(ret, message_question, type, 0, 10);
        case MESSAGE_GROUPS:
                return SAMPLE(ret, message_groups, type, 1000);
        case MESSAGE_NAMES:
                return SAMPLE(ret, message_plain, type);
        case MESSAGE_RECORD:
                return SAMPLE(ret, message_record, type, LOG_NOTICE, SAMPLE_ID, "sandbox", "1-main",
                              "shop@host", "1000", "shop\\x2d1.service", "handed out\n\x80");
        case MESSAGE_LANE_DEAD:
        case MESSAGE_LANE_BROKEN:
                return SAMPLE(ret, message_lane, type, MESSAGE_LANES_MAX - 1, 7);
        case MESSAGE_CARRYING:
                return SAMPLE(ret, message_plain, type);
        case MESSAGE_STALE:
                return SAMPLE(ret, message_upstream_name, type, "sandbox");
        default:
                return SAMPLE(ret, message_ping, type, UINT64_MAX);
        }
}

/* ---- what the keeper has to tell of itself ---- */

static inline struct gateway_rule sample_gateway_rule(bool deny, enum access_rule_kind kind)
{
        struct gateway_rule rule = { .deny = deny,
                                     .who = { kind, .resolved = true },
                                     .methods = "GET,POST",
                                     .pattern = "/rest/v1/users/{mage_id}/reports/**",
                                     .place = "eqp-brokerd.conf:7" };

        rule.who.id = kind == ACCESS_RULE_ANY ? 0 : 33;
        return rule;
}

static inline void sample_local(struct access_settings *settings)
{
        const struct access_rule caller = { ACCESS_RULE_USER, .resolved = true, .id = 1000,
                                            .name = "alice" };
        const struct gateway_rule deny = sample_gateway_rule(true, ACCESS_RULE_GID),
                                  allow = sample_gateway_rule(false, ACCESS_RULE_ANY);
        struct local_key key = { .name = "reports",
                                 .environment = "sandbox",
                                 .id = "lk-reports-7f3c2a",
                                 .has_old = true,
                                 .old_until_sec = 1900000000,
                                 .expires_sec = 2000000000,
                                 .real = true,
                                 .place = "conf.d/local-reports.conf:1" };

        memset(key.secret_hash, 0x11, sizeof(key.secret_hash));
        memset(key.old_secret_hash, 0x22, sizeof(key.old_secret_hash));
        settings->environments[1].gateway = settings->environments[1].encoded_slash = true;
        settings->environments[1].gateway_body_max = 67108864;
        settings->environments[1].gateway_answer_timeout_usec = 60 * USEC_PER_SEC;
        if (gateway_rules_add(&settings->environments[1].gateway_rules, &deny) < 0 ||
            access_rules_add(&key.callers, &caller) < 0 || gateway_rules_add(&key.rules, &allow) < 0 ||
            access_settings_add_key(settings, &key) < 0 || access_settings_settle(settings) < 0) {
                abort();
        }
}

static inline struct access_settings *sample_settings(void)
{
        static const struct access_rule rules[] = {
                { ACCESS_RULE_ANY, .resolved = true },
                { ACCESS_RULE_UID, .resolved = true, .id = 0 },
                { ACCESS_RULE_GID, .resolved = true, .id = 33 },
                { ACCESS_RULE_USER, .resolved = true, .id = 1000, .name = "alice" },
                { ACCESS_RULE_GROUP, .optional = true, .name = "eqp-broker" },
                { ACCESS_RULE_UNIT, .resolved = true, .name = "worker@.service" },
        };
        struct access_settings *settings = calloc(1, sizeof(*settings));
        bool done = settings != NULL;

        if (!settings) {
                abort();
        }
        *settings = (struct access_settings){ .own_uid = 990,
                                              .metrics = true,
                                              .socket_group_by_name = true,
                                              .max_connections = 512,
                                              .max_connections_per_user = 64,
                                              .environments = { { .name = "production" },
                                                                { "sandbox", true, true },
                                                                { "third", false, true } },
                                              .n_environments = 3 };
        sample_local(settings);
        for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
                done = done && access_rules_add(&settings->allow, &rules[i]) == 0;
        }
        done = done && access_rules_add(&settings->operators, &rules[1]) == 0;
        done = done && access_rules_add(&settings->environments[1].allow, &rules[5]) == 0;
        done = done && access_rules_add(&settings->environments[2].operators, &rules[3]) == 0;
        if (!done) {
                abort();
        }
        return settings;
}

/* A list of rules: of all environments, or of the last one that has any. */
static inline size_t sample_rules(union sample *ret, bool last)
{
        _cleanup_(access_settings_freep) struct access_settings *settings = sample_settings();
        size_t place = 0;

        while (message_rules_next((struct message_rules *)ret, settings, &place) && last) {
        }
        return sizeof(struct message_rules);
}

/* The last one of this type. */
static inline size_t sample_of_local(uint32_t type, union sample *ret)
{
        _cleanup_(access_settings_freep) struct access_settings *settings = sample_settings();
        struct message_local_place place = { 0 };
        union message_local message;
        size_t size, found = 0;

        while ((size = message_local_next(&message, settings, &place)) > 0) {
                bool there = type == MESSAGE_GATEWAY && message.type == type && !message.gateway.on;
                if (message.type == type && !there) {
                        memcpy(ret->bytes, &message, size);
                        found = size;
                }
        }
        return found;
}

static inline struct session *sample_session(void)
{
        static const struct grant grant = { 300, "MAG000111222", "made-up-token" };
        struct session *session = NULL;

        if (session_new(&session, &grant, 7, 100 * USEC_PER_SEC, "1-main") < 0) {
                abort();
        }
        return session;
}

static inline struct keys_view *sample_keys(void)
{
        static const struct key_refusal refusals[] = {
                { ".", "", "the directory cannot be read: \xc3\xa4", true, true },
                { "sandbox.old", "sandbox", "others may read it: chmod 0640", false, false },
        };
        struct keys_view *view = calloc(1, sizeof(*view) + sizeof(refusals));

        if (!view) {
                abort();
        }
        (void)snprintf(view->directory, sizeof(view->directory), "/etc/eqp-broker/keys");
        view->are_credentials = true;
        memset(view->salt, 0x55, sizeof(view->salt));
        view->n_ids = 2;
        memset(view->ids, 0xaa, 2 * sizeof(view->ids[0]));
        view->n_refusals = ARRAY_SIZE(refusals);
        memcpy(view->refusals, refusals, sizeof(refusals));
        return view;
}

/* Of an environment in trouble, with something under way. */
static inline struct environment_view sample_view(void)
{
        static const struct key_name names[] = { { .serial = 1, .label = "1-main" }, { .serial = 2 } };
        struct environment_view view = {
                .name = "sandbox",
                .base_url = BASE_URL_SANDBOX,
                .account = "MAG000111222",
                .exchange_timeout_usec = 10 * USEC_PER_SEC,
                .last_refresh_usec = 60 * USEC_PER_SEC,
                .trouble = { true, EXCHANGE_OTHER_ACCOUNT, ANSWER_BLOCK_PAGE, true, 90 * USEC_PER_SEC,
                             "1-main", "MAG1", "MAG2", "of another account" },
                .odd_answer = { true,
                                80 * USEC_PER_SEC,
                                403,
                                ANSWER_BLOCK_PAGE,
                                "text/html",
                                "date, server",
                                "example.com",
                                { INT64_MIN, "Forbidden" } },
                .share = { SHARE_ON,
                           true,
                           STORE_READ_ONLY,
                           "rediss://valkey.example.net:6380",
                           SHARE_LEASE_OTHERS,
                           true,
                           -31,
                           4,
                           5,
                           6,
                           7,
                           { 7, 8, 9, 10, 11 } },
                .n_outcomes = { 1, 2, 3, 4, 5, 6, 7 },
                .n_exchanges = 28,
                .n_answered = 27,
                .n_failures_in_row = 2,
                .n_limited = 1,
                .n_news = 99,
        };
        const struct refresh_outcome failed = { .outcome = EXCHANGE_UNAVAILABLE,
                                                .retry_after_sec = RETRY_AFTER_NONE };

        refresh_init(&view.refresh);
        (void)refresh_on_keys(&view.refresh, names, ARRAY_SIZE(names), 70 * USEC_PER_SEC);
        (void)refresh_on_outcome(&view.refresh, &failed, 75 * USEC_PER_SEC, 0);
        (void)refresh_on_timer(&view.refresh, 80 * USEC_PER_SEC);
        return view;
}

static inline size_t sample_of_kept(uint32_t type, union sample *ret)
{
        _cleanup_(access_settings_freep) struct access_settings *settings = sample_settings();
        _cleanup_(session_unrefp) struct session *session = sample_session();
        _cleanup_free_ struct keys_view *keys = sample_keys();

        if (type == MESSAGE_SETTINGS) {
                message_settings_fill((struct message_settings *)ret, settings, true);
                return sizeof(struct message_settings);
        }
        if (type == MESSAGE_SESSION) {
                message_session_fill((struct message_session *)ret, session, "sandbox");
                return sizeof(struct message_session);
        }
        message_keys_fill((struct message_keys *)ret, keys);
        return message_keys_size(keys);
}

static inline size_t sample_from_keeper(uint32_t type, union sample *ret)
{
        switch (type) {
        case MESSAGE_HELLO:
                return SAMPLE(ret, message_hello, type, "0.1.0", 1, 42 * USEC_PER_SEC, LOG_INFO, 4711,
                              { true, true, 6 });
        case MESSAGE_RULES:
                return sample_rules(ret, false);
        case MESSAGE_ENVIRONMENT:
                return SAMPLE(ret, message_environment, type, 7, sample_view());
        case MESSAGE_SETTINGS:
        case MESSAGE_SESSION:
        case MESSAGE_KEYS:
                return sample_of_kept(type, ret);
        case MESSAGE_GATEWAY:
        case MESSAGE_LOCAL_KEY:
        case MESSAGE_LOCAL_CALLER:
        case MESSAGE_GATEWAY_RULE:
                return sample_of_local(type, ret);
        case MESSAGE_OPAQUE_KEYS:
                return SAMPLE(ret, message_opaque_keys, type, 1, "sandbox", { { 1, 2, 3 } });
        case MESSAGE_OUTCOME:
                return SAMPLE(ret, message_outcome, type, 7, REFRESH_TOO_SOON,
                              { REFRESH_LIMIT_GAP, 5 * USEC_PER_SEC }, true,
                              "eqp-brokerd.conf:3: no such key");
        case MESSAGE_GROUPS_TOLD:
                return SAMPLE(ret, message_groups_told, type, 1000, true, 2, { 33, 1000 });
        case MESSAGE_NAMES_TOLD:
                return SAMPLE(ret, message_names_told, type, 45 * USEC_PER_SEC, USEC_NEVER);
        case MESSAGE_UNIT:
                return SAMPLE(ret, message_unit, type, 4711);
        case MESSAGE_UNIT_TOLD:
                return SAMPLE(ret, message_unit_told, type, 4711, "worker@7.service");
        case MESSAGE_LISTENER:
                return SAMPLE(ret, message_listener, type, MESSAGE_LISTENS_HTTP, MESSAGE_LISTENERS_MAX - 1,
                              { true, 9377, "127.0.0.1" }, "127.0.0.1:9377", true);
        case MESSAGE_LISTENER_GONE:
                return SAMPLE(ret, message_listener_gone, type, 3);
        case MESSAGE_LOG:
                return SAMPLE(ret, message_log, type, 3);
        case MESSAGE_PING:
                return SAMPLE(ret, message_ping, type, 17);
        case MESSAGE_LANE:
                return SAMPLE(ret, message_lane, type, MESSAGE_LANES_MAX - 1, 7);
        case MESSAGE_FORWARDER:
                return SAMPLE(ret, message_forwarder, type, true, true, true, 3, { true, true, 6 });
        case MESSAGE_UPSTREAM:
                return SAMPLE(ret, message_upstream, type, 225 * 1024, 1024, 10 * USEC_PER_SEC, USEC_PER_MIN,
                              2, "sandbox", BASE_URL_SANDBOX, "http://user:password@proxy:3128",
                              { "192.0.2.1", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff" });
        case MESSAGE_UPSTREAM_GONE:
                return SAMPLE(ret, message_upstream_name, type, "sandbox");
        default:
                return SAMPLE(ret, message_plain, type);
        }
}

/* Does a child send it, and the keeper take it? */
static inline bool message_is_for_keeper(uint32_t type)
{
        return type <= MESSAGE_PONG || type == MESSAGE_LANE_DEAD || type == MESSAGE_CARRYING ||
               type == MESSAGE_STALE || type == MESSAGE_LANE_BROKEN;
}

/* Of this type, from MESSAGE_CONFINED up to, but without, _MESSAGE_LAST. Returns its length. */
static inline size_t message_sample(uint32_t type, union sample *ret)
{
        memset(ret, 0, sizeof(*ret));
        return message_is_for_keeper(type) ? sample_to_keeper(type, ret) : sample_from_keeper(type, ret);
}

/* The one of the four ways that takes it: its type, else -EBADMSG. */
static inline int message_check_any(const void *bytes, size_t length)
{
        int (*const checks[])(const void *,
                              size_t) = { message_check_from_frontend, message_check_from_forwarder,
                                          message_check_from_keeper, message_check_to_forwarder };
        int type = -EBADMSG;

        for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
                type = MAX_OF(type, checks[i](bytes, length));
        }
        return type;
}

/* GET /v1/status and GET /readyz: the state of the environments in JSON. Names, accounts and times only;
 * never a token, an application's ID or a secret. */
#include "daemon/frontend/api/status_answer.h"

#include "daemon/base/clock.h"
#include "daemon/frontend/api/sightings.h"
#include "daemon/frontend/api/status_local.h"
#include "daemon/frontend/api/status_share.h"
#include "lib/json_form.h"
#include "lib/refresh_words.h"
#include "lib/util.h"

#include <stdio.h>
#include <unistd.h>

static void add_text(struct json_object *json, const char *key, const char *text)
{
        json_put(json, key, json_object_new_string(text));
}

/* A missing value is null. */
static void add_optional(struct json_object *json, const char *key, bool there, int64_t number)
{
        if (there) {
                json_put(json, key, json_object_new_int64(number));
        } else {
                json_put_null(json, key);
        }
}

static void add_number(struct json_object *json, const char *key, uint64_t number)
{
        json_put(json, key, json_object_new_int64((int64_t)number));
}

/* KEY_at in UTC; 0 or USEC_NEVER is null. */
static void add_moment(struct json_object *json, const char *key, uint64_t moment_usec)
{
        char text[CLOCK_TEXT_MAX];

        if (moment_usec == 0 || moment_usec == USEC_NEVER) {
                json_put_null(json, key);
        } else {
                add_text(json, key, clock_format_utc(moment_usec, text));
        }
}

static void add_ago(struct json_object *json, const char *key, uint64_t moment_usec, uint64_t now_usec)
{
        if (moment_usec == 0) {
                json_put_null(json, key);
        } else {
                add_number(json, key, usec_sub(now_usec, moment_usec) / USEC_PER_SEC);
        }
}

static void add_token(struct json_object *status, const struct session *session, uint64_t now_usec)
{
        if (!session) {
                json_put_null(status, "token");
                return;
        }
        struct json_object *json = json_object_new_object();
        add_text(json, "mage_id", session->mage_id);
        add_text(json, "key", session->key_label);
        add_number(json, "lifetime_sec", session->lifetime_sec);
        add_number(json, "expires_in", session_left_sec(session, now_usec));
        add_moment(json, "expires_at", session->expires_usec);
        add_moment(json, "obtained_at", session->sent_usec);
        add_ago(json, "obtained_ago_sec", session->sent_usec, now_usec);
        json_put(status, "token", json);
}

/* When the key is tried for its own sake, as things stand. */
static uint64_t trial_usec(const struct refresh *refresh, const struct key_state *key)
{
        uint64_t wanted = MAX_OF(key->trial_usec, key->held_usec);

        return wanted == USEC_NEVER
                       ? USEC_NEVER
                       : MAX_OF(wanted, refresh_limited_until(refresh, REFRESH_SHARE_TRIAL, NULL));
}

static void add_key(struct json_object *list, const struct refresh *refresh, const struct key_state *key,
                    bool kept_behind, uint64_t now_usec)
{
        uint64_t trial = trial_usec(refresh, key);
        struct json_object *json = json_object_new_object();

        add_text(json, "label", key->label);
        add_number(json, "serial", key->serial);
        add_text(json, "state", key_standing_name(key->known.standing));
        if (key->known.standing == KEY_REFUSED) {
                add_text(json, "cause", key_cause_name(key->known.cause));
        }
        add_moment(json, "seen_at", key->known.seen_usec);
        add_ago(json, "seen_ago_sec", key->known.seen_usec, now_usec);
        add_optional(json, "trial_in_sec", trial != USEC_NEVER,
                     (int64_t)(usec_sub(trial, now_usec) / USEC_PER_SEC));
        if (key->held_usec > now_usec) {
                add_moment(json, "held_until", key->held_usec);
        }
        if (kept_behind) {
                json_put(json, "kept_old", json_object_new_boolean(true));
        }
        json_append(list, json);
}

static struct json_object *describe_keys(const struct environment_view *view, uint64_t now_usec)
{
        const struct keyring *keyring = &view->refresh.keyring;
        struct json_object *list = json_object_new_array();

        for (size_t i = 0; i < keyring->n; i++) {
                if (!keyring->keys[i].kept) { /* a kept one is told of with the key that is to replace it */
                        add_key(list, &view->refresh, &keyring->keys[i],
                                i + 1 < keyring->n && keyring->keys[i + 1].kept, now_usec);
                }
        }
        return list;
}

static struct json_object *describe_refused_files(const struct keys_view *keys, const char *name)
{
        struct json_object *list = json_object_new_array();

        for (size_t i = 0; keys && i < keys->n_refusals; i++) {
                const struct key_refusal *refusal = &keys->refusals[i];
                if (streq(refusal->environment, name) || !*refusal->environment) {
                        struct json_object *json = json_object_new_object();
                        add_text(json, "file", refusal->file);
                        add_text(json, "reason", refusal->reason);
                        json_append(list, json);
                }
        }
        return list;
}

static void add_trouble(struct json_object *status, const struct environment_view *view, uint64_t now_usec)
{
        const struct environment_trouble *trouble = &view->trouble;
        char message[EXCHANGE_WHY_MAX];

        if (!trouble->any) {
                json_put_null(status, "last_trouble");
                return;
        }
        struct json_object *json = json_object_new_object();
        add_text(json, "outcome", exchange_outcome_name(trouble->outcome));
        add_text(json, "kind", answer_kind_name(trouble->kind));
        json_put(json, "sent", json_object_new_boolean(!trouble->unsent));
        add_text(json, "key", trouble->key_label);
        add_text(json, "message", environment_view_trouble(view, message));
        if (*trouble->account) {
                add_text(json, "account", trouble->account);
        }
        add_moment(json, "at", trouble->at_usec);
        add_ago(json, "ago_sec", trouble->at_usec, now_usec);
        json_put(status, "last_trouble", json);
}

/* How many of the last hour were for what: "need_last_hour" and so on. */
static void add_shares(struct json_object *json, const struct refresh *refresh, uint64_t now_usec)
{
        struct refresh_sent sent[REFRESH_HOURLY_BUDGET];
        size_t n = refresh_budget_list(&refresh->budget, sent);

        for (int share = 0; share < _REFRESH_SHARE_COUNT; share++) {
                char name[32];
                uint64_t count = 0;
                for (size_t i = 0; i < n; i++) {
                        count += (int)sent[i].share == share && sent[i].usec + USEC_PER_HOUR > now_usec;
                }
                (void)snprintf(name, sizeof(name), "%s_last_hour",
                               refresh_share_name((enum refresh_share)share));
                add_number(json, name, count);
        }
}

static struct json_object *describe_exchanges(const struct environment_view *view, uint64_t now_usec)
{
        struct json_object *json = json_object_new_object();

        add_number(json, "last_hour", refresh_sent_last_hour(&view->refresh, now_usec));
        add_number(json, "hourly_budget", REFRESH_HOURLY_BUDGET);
        add_shares(json, &view->refresh, now_usec);
        add_number(json, "put_off", view->n_limited);
        add_number(json, "total", view->n_exchanges);
        for (int outcome = 0; outcome < _EXCHANGE_OUTCOME_COUNT; outcome++) {
                add_number(json, exchange_outcome_name((enum exchange_outcome)outcome),
                           view->n_outcomes[outcome]);
        }
        return json;
}

static void add_odd_answer(struct json_object *status, const struct environment_view *view)
{
        const struct environment_odd_answer *odd = &view->odd_answer;

        if (!odd->any) {
                json_put_null(status, "last_unknown_answer");
                return;
        }
        struct json_object *json = json_object_new_object();
        add_number(json, "status", (uint64_t)odd->status);
        add_text(json, "kind", answer_kind_name(odd->kind));
        add_text(json, "content_type", odd->content_type);
        add_text(json, "header_names", odd->header_names);
        add_text(json, "redirect_host", odd->redirect_host);
        add_optional(json, "code", odd->excerpt.code != INT64_MIN, odd->excerpt.code);
        add_text(json, "message", odd->excerpt.message);
        add_moment(json, "at", odd->at_usec);
        json_put(status, "last_unknown_answer", json);
}

static const char *state_name(const struct known_environment *environment, uint64_t now_usec)
{
        if (known_session(environment, now_usec)) {
                return "valid";
        }
        if (!known_configured(environment)) {
                return "no_key";
        }
        return environment->view.n_answered > 0 ? "no_token" : "waiting";
}

static struct json_object *describe_environment(struct api *api, const struct known_environment *environment,
                                                uint64_t now_usec)
{
        const struct known *known = api->known;
        const struct environment_view *view = &environment->view;
        struct json_object *json = json_object_new_object();
        char why[ENVIRONMENT_WHY_MAX];
        uint64_t next = refresh_next_usec(&view->refresh);

        add_text(json, "name", view->name);
        add_text(json, "base_url", view->base_url);
        if (*view->account) {
                add_text(json, "account", view->account);
        } else {
                json_put_null(json, "account");
        }
        json_put(json, "configured", json_object_new_boolean(known_configured(environment)));
        add_text(json, "state", state_name(environment, now_usec));
        add_text(json, "why", known_why(known, environment, now_usec, why));
        add_token(json, known_session(environment, now_usec), now_usec);
        json_put(json, "keys", describe_keys(view, now_usec));
        json_put(json, "local_keys", status_local_keys(api, view->name, now_usec));
        json_put(json, "unknown_ids", sighting_describe(&environment->unknown_ids, now_usec));
        json_put(json, "key_files_refused", describe_refused_files(known->keys, view->name));
        json_put(json, "exchange_in_flight", json_object_new_boolean(view->refresh.in_flight));
        add_optional(json, "next_refresh_in_sec", next != USEC_NEVER,
                     (int64_t)(usec_sub(next, now_usec) / USEC_PER_SEC));
        add_moment(json, "next_refresh_at", next);
        add_moment(json, "last_refresh_at", view->last_refresh_usec);
        add_ago(json, "last_refresh_ago_sec", view->last_refresh_usec, now_usec);
        add_trouble(json, view, now_usec);
        add_number(json, "failures_in_row", view->n_failures_in_row);
        json_put(json, "exchanges", describe_exchanges(view, now_usec));
        add_odd_answer(json, view);
        status_share_add(json, view);
        return json;
}

static struct json_object *describe_confinement(const struct confinement *confinement)
{
        struct json_object *json = json_object_new_object();

        json_put(json, "no_new_privileges", json_object_new_boolean(confinement->no_new_privileges));
        json_put(json, "system_call_filter", json_object_new_boolean(confinement->filter));
        add_number(json, "landlock", confinement->landlock);
        return json;
}

/* The limits in force on this kernel, of each process. */
static struct json_object *describe_processes(const struct api *api)
{
        struct json_object *json = json_object_new_object();

        json_put(json, "keeper", describe_confinement(&api->keeper_confinement));
        json_put(json, "frontend", describe_confinement(&api->own_confinement));
        if (api->forwarder.running) {
                json_put(json, "forwarder", describe_confinement(&api->forwarder.confinement));
        }
        return json;
}

/* There is one only where something is passed on. */
static const char *forwarder_state(const struct message_forwarder *forwarder)
{
        return !forwarder->wanted     ? "none"
               : forwarder->held_back ? "held_back"
               : forwarder->running   ? "running"
                                      : "starting";
}

struct answer status_answer(struct api *api, uint32_t may_use, uint64_t now_usec)
{
        const struct known *known = api->known;
        struct json_object *json = json_object_new_object();
        struct json_object *list = json_object_new_array();

        add_text(json, "version", EQP_BROKER_VERSION);
        add_number(json, "pid", (uint64_t)api->service_pid);
        add_number(json, "uptime_sec", usec_sub(now_usec, api->started_usec) / USEC_PER_SEC);
        json_put(json, "ready", json_object_new_boolean(api_ready(api, now_usec)));
        add_text(json, "keys_directory", known_keys_directory(known));
        json_put(json, "keys_are_credentials",
                 json_object_new_boolean(known->keys && known->keys->are_credentials));
        json_put(json, "port_held", json_object_new_boolean(status_port_held(api)));
        json_put(json, "confinement", describe_processes(api));
        add_text(json, "forwarder", forwarder_state(&api->forwarder));
        json_put(json, "without_environment", sighting_describe(&api->without_environment, now_usec));
        for (size_t i = 0; i < known->n_environments; i++) {
                if (may_use & (UINT32_C(1) << i)) {
                        json_append(list, describe_environment(api, known->environments[i], now_usec));
                }
        }
        json_put(json, "environments", list);
        return (struct answer){ 200, answer_json(json, /* secret= */ false) };
}

bool api_ready(const struct api *api, uint64_t now_usec)
{
        const struct known *known = api->known;
        size_t n_configured = 0;

        for (size_t i = 0; i < known->n_environments; i++) {
                if (!known_configured(known->environments[i])) {
                        continue;
                }
                n_configured++;
                if (!known_session(known->environments[i], now_usec)) {
                        return false;
                }
        }
        return n_configured > 0;
}

/* "production: keys refused ...; staging: ...", as far as it fits. */
static void explain_not_ready(const struct known *known, uint64_t now_usec, char *text, size_t size)
{
        size_t length = 0;

        text[0] = '\0';
        for (size_t i = 0; i < known->n_environments; i++) {
                const struct known_environment *environment = known->environments[i];
                char why[ENVIRONMENT_WHY_MAX];
                if (!known_configured(environment) || known_session(environment, now_usec)) {
                        continue;
                }
                int n = snprintf(text + length, size - length, "%s%s: %s", length > 0 ? "; " : "",
                                 environment->view.name, known_why(known, environment, now_usec, why));
                if (n < 0 || (size_t)n >= size - length) {
                        return;
                }
                length += (size_t)n;
        }
        if (length == 0) {
                (void)snprintf(text, size, "no environment has an access key: put a key file into %s",
                               known_keys_directory(known));
        }
}

struct answer ready_answer(const struct api *api, uint64_t now_usec)
{
        const struct known *known = api->known;
        bool ready = api_ready(api, now_usec);
        struct json_object *json = json_object_new_object();
        struct json_object *list = json_object_new_array();
        char text[1024];

        if (ready) {
                json_put(json, "ready", json_object_new_boolean(true));
        } else {
                explain_not_ready(known, now_usec, text, sizeof(text));
                json_put(json, "code", json_object_new_int(503));
                add_text(json, "error", "not_ready");
                add_text(json, "message", text);
        }
        for (size_t i = 0; i < known->n_environments; i++) {
                const struct known_environment *environment = known->environments[i];
                char why[ENVIRONMENT_WHY_MAX];
                if (!known_configured(environment)) {
                        continue;
                }
                struct json_object *row = json_object_new_object();
                bool usable = known_session(environment, now_usec) != NULL;
                add_text(row, "name", environment->view.name);
                json_put(row, "usable", json_object_new_boolean(usable));
                if (!usable) {
                        add_text(row, "why", known_why(known, environment, now_usec, why));
                }
                json_append(list, row);
        }
        json_put(json, "environments", list);
        return (struct answer){ ready ? 200 : 503, answer_json(json, /* secret= */ false) };
}

/* GET /metrics: a row per metric. */
#include "daemon/frontend/api/metrics.h"

#include "daemon/base/journal.h"
#include "daemon/frontend/api/status_share.h"
#include "daemon/frontend/http/http_server.h"
#include "lib/refresh_words.h"
#include "lib/util.h"

#include <inttypes.h>
#include <stdio.h>

static void describe(FILE *out, const char *name, const char *type, const char *help)
{
        (void)fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void plain(FILE *out, const char *name, const char *type, const char *help, uint64_t value)
{
        describe(out, name, type, help);
        (void)fprintf(out, "%s %" PRIu64 "\n", name, value);
}

static uint64_t configured(const struct known_environment *environment, uint64_t now_usec)
{
        return known_configured(environment);
}

static uint64_t valid(const struct known_environment *environment, uint64_t now_usec)
{
        return known_session(environment, now_usec) != NULL;
}

static uint64_t left(const struct known_environment *environment, uint64_t now_usec)
{
        return session_left_sec(known_session(environment, now_usec), now_usec);
}

static uint64_t failures(const struct known_environment *environment, uint64_t now_usec)
{
        return environment->view.n_failures_in_row;
}

static uint64_t put_off(const struct known_environment *environment, uint64_t now_usec)
{
        return environment->view.n_limited;
}

static uint64_t last_hour(const struct known_environment *environment, uint64_t now_usec)
{
        return refresh_sent_last_hour(&environment->view.refresh, now_usec);
}

/* One number per environment. */
static const struct {
        const char *name, *type, *help;
        uint64_t (*value)(const struct known_environment *environment, uint64_t now_usec);
} rows[] = {
        { "eqp_broker_environment_configured", "gauge", "1 if the environment has an access key.",
          configured },
        { "eqp_broker_token_valid", "gauge", "1 if there is a living token.", valid },
        { "eqp_broker_token_expires_in_seconds", "gauge", "Life left in the token, 0 without one.", left },
        { "eqp_broker_exchange_failures_in_row", "gauge", "Failed exchanges since the last good one.",
          failures },
        { "eqp_broker_exchanges_last_hour", "gauge",
          "Exchanges sent within the last hour; the budget is 60.", last_hour },
        { "eqp_broker_exchanges_put_off_total", "counter",
          "How often the hourly budget or the upstream's Retry-After put a due exchange off.", put_off },
};

/* ---- keys; one that is kept behind another is told of with that ---- */

static void write_key_states(FILE *out, const struct environment_view *view, uint64_t now_usec)
{
        const struct keyring *keyring = &view->refresh.keyring;

        for (size_t i = 0; i < keyring->n; i++) {
                const struct key_state *key = &keyring->keys[i];
                for (int standing = 0; !key->kept && standing < _KEY_STANDING_COUNT; standing++) {
                        (void)fprintf(
                                out,
                                "eqp_broker_key_state{environment=\"%s\",label=\"%s\",state=\"%s\"} %d\n",
                                view->name, key->label, key_standing_name((enum key_standing)standing),
                                (int)key->known.standing == standing);
                }
        }
}

static void write_key_ages(FILE *out, const struct environment_view *view, uint64_t now_usec)
{
        const struct keyring *keyring = &view->refresh.keyring;

        for (size_t i = 0; i < keyring->n; i++) {
                const struct key_state *key = &keyring->keys[i];
                if (!key->kept && key->known.seen_usec > 0) {
                        (void)fprintf(out,
                                      "eqp_broker_key_seen_seconds{environment=\"%s\",label=\"%s\"} %" PRIu64
                                      "\n",
                                      view->name, key->label,
                                      usec_sub(now_usec, key->known.seen_usec) / USEC_PER_SEC);
                }
        }
}

static void write_keys(FILE *out, const struct api *api, uint64_t now_usec)
{
        static const struct {
                const char *name, *help;
                void (*write)(FILE *out, const struct environment_view *view, uint64_t now_usec);
        } parts[] = {
                { "eqp_broker_key_state", "1 for what is known of the access key: untried, good or refused.",
                  write_key_states },
                { "eqp_broker_key_seen_seconds",
                  "Time since that was seen: since the latest proof of a good key.", write_key_ages },
        };

        for (size_t part = 0; part < ARRAY_SIZE(parts); part++) {
                describe(out, parts[part].name, "gauge", parts[part].help);
                for (size_t i = 0; i < api->known->n_environments; i++) {
                        parts[part].write(out, &api->known->environments[i]->view, now_usec);
                }
        }
}

static void write_environments(FILE *out, const struct api *api, uint64_t now_usec)
{
        for (size_t row = 0; row < ARRAY_SIZE(rows); row++) {
                describe(out, rows[row].name, rows[row].type, rows[row].help);
                for (size_t i = 0; i < api->known->n_environments; i++) {
                        (void)fprintf(out, "%s{environment=\"%s\"} %" PRIu64 "\n", rows[row].name,
                                      api->known->environments[i]->view.name,
                                      rows[row].value(api->known->environments[i], now_usec));
                }
        }
        describe(out, "eqp_broker_exchanges_total", "counter", "Exchanges with the upstream by outcome.");
        for (size_t i = 0; i < api->known->n_environments; i++) {
                for (int outcome = 0; outcome < _EXCHANGE_OUTCOME_COUNT; outcome++) {
                        (void)fprintf(
                                out,
                                "eqp_broker_exchanges_total{environment=\"%s\",outcome=\"%s\"} %" PRIu64
                                "\n",
                                api->known->environments[i]->view.name,
                                exchange_outcome_name((enum exchange_outcome)outcome),
                                api->known->environments[i]->view.n_outcomes[outcome]);
                }
        }
}

/* ---- local keys ---- */

static void write_local_keys(FILE *out, struct api *api)
{
        const struct local_key_count *counts = local_keys_counts(&api->local_keys, api->known);
        const struct access_settings *settings = api->known->settings;

        if (settings->n_local_keys > 0) {
                describe(out, "eqp_broker_local_key_tokens_total", "counter",
                         "Tokens given out for the local key, opaque or real.");
        }
        for (size_t i = 0; counts && i < settings->n_local_keys; i++) {
                (void)fprintf(
                        out,
                        "eqp_broker_local_key_tokens_total{environment=\"%s\",local_key=\"%s\"} %" PRIu64
                        "\n",
                        settings->local_keys[i].environment, counts[i].name, counts[i].n_tokens);
        }
        describe(out, "eqp_broker_local_keys_refused_total", "counter",
                 "Local keys and their tokens that were refused, by reason.");
        for (int refusal = 0; refusal < _LOCAL_REFUSAL_COUNT; refusal++) {
                (void)fprintf(out, "eqp_broker_local_keys_refused_total{reason=\"%s\"} %" PRIu64 "\n",
                              local_refusal_name((enum local_refusal)refusal),
                              api->local_keys.n_refused[refusal]);
        }
}

static void write_all(FILE *out, struct api *api, uint64_t now_usec)
{
        describe(out, "eqp_broker_build_info", "gauge", "The version of the daemon.");
        (void)fprintf(out, "eqp_broker_build_info{version=\"%s\"} 1\n", EQP_BROKER_VERSION);
        plain(out, "eqp_broker_uptime_seconds", "gauge", "Time since the daemon started.",
              usec_sub(now_usec, api->started_usec) / USEC_PER_SEC);
        plain(out, "eqp_broker_requests_total", "counter", "Requests by local clients.", api->n_requests);
        plain(out, "eqp_broker_tokens_served_total", "counter", "Answers that carried a token.",
              api->n_tokens_served);
        plain(out, "eqp_broker_requests_refused_total", "counter",
              "Requests refused because of their sender.", api->n_refused);
        plain(out, "eqp_broker_requests_bad_total", "counter",
              "Requests that asked for something impossible.", api->n_errors);
        plain(out, "eqp_broker_credentials_given_total", "counter", "Tokens given to units as credentials.",
              api->known->n_credentials_given);
        plain(out, "eqp_broker_credentials_refused_total", "counter", "Credentials asked for in vain.",
              api->known->n_credentials_refused);
        plain(out, "eqp_broker_connections", "gauge", "Open client connections.",
              api->server ? http_server_connections(api->server) : 0);
        plain(out, "eqp_broker_connections_parked", "gauge",
              "Client connections that wait for a place, unread.",
              api->server ? http_server_parked(api->server) : 0);
        plain(out, "eqp_broker_connections_turned_away_total", "counter",
              "Client connections answered 429 without being read.",
              api->server ? http_server_turned_away(api->server) : 0);
        plain(out, "eqp_broker_log_dropped_total", "counter", "Log records that were dropped.",
              api->n_log_dropped + journal_dropped());
        write_environments(out, api, now_usec);
        write_keys(out, api, now_usec);
        write_local_keys(out, api);
        status_share_metrics(out, api->known);
}

struct answer metrics_answer(struct api *api, uint64_t now_usec)
{
        struct answer answer = { .status = 200 };
        char *text = NULL;
        size_t length = 0;
        FILE *out = open_memstream(&text, &length);

        if (out) {
                write_all(out, api, now_usec);
                if (api->passer.write_metrics) {
                        api->passer.write_metrics(out, api->passer.userdata);
                }
                bool whole = !ferror(out); /* the stream remembers whether memory ran out */
                if (fclose(out) == 0 && whole) {
                        answer.response =
                                answer_text(text, length, "text/plain; version=0.0.4; charset=utf-8");
                }
        }
        free(text);
        return answer;
}

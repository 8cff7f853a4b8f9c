/* The settings as a configuration file, for people who ask what is in force.
 *
 * Durations are written in the largest unit that divides them, so that reading gives the same value. A
 * setting without a value of its own, since the system's counts, is written as a comment. */
#include "lib/end_date.h"
#include "lib/settings.h"
#include "lib/size.h"
#include "lib/util.h"

#include <inttypes.h>
#include <stdio.h>

static void write_duration(FILE *file, const char *key, uint64_t sec)
{
        static const struct {
                uint64_t sec;
                const char *unit;
        } units[] = {
                { 86400, "d" },
                { 3600, "h" },
                { 60, "min" },
                { 1, "s" },
        };
        size_t i = 0;

        while (sec % units[i].sec != 0) {
                i++;
        }
        (void)fprintf(file, "%s = %" PRIu64 "%s\n", key, sec / units[i].sec, units[i].unit);
}

static void write_rules(FILE *file, const char *key, const struct access_rules *rules)
{
        for (size_t i = 0; i < rules->n; i++) {
                char text[ACCESS_RULE_TEXT_MAX];

                (void)fprintf(file, "%s = %s\n", key, access_rule_format(&rules->rules[i], text));
        }
}

static void write_broker(FILE *file, const struct settings *settings)
{
        (void)fprintf(file, "[broker]\n");
        for (size_t i = 0; i < settings->n_listen; i++) {
                (void)fprintf(file, "listen = %s\n", settings->listen[i].path);
        }
        (void)fprintf(file, "socket_mode = %04" PRIo32 "\n", settings->socket_mode);
        if (!settings->has_socket_group) {
                (void)fprintf(file, "# socket_group: the daemon's own, or its folder's\n");
        } else if (settings->socket_group.kind == ACCESS_RULE_GID) {
                (void)fprintf(file, "socket_group = %" PRIu32 "\n", settings->socket_group.id);
        } else {
                (void)fprintf(file, "socket_group = %s\n", settings->socket_group.name);
        }
        if (settings->keys_directory) {
                (void)fprintf(file, "keys_directory = %s\n", settings->keys_directory);
        } else {
                (void)fprintf(file, "# keys_directory: the service manager's credentials, or else %s\n",
                              settings->default_keys_directory);
        }
        (void)fprintf(file, "key_permissions = %s\n",
                      settings->key_permissions_relaxed ? "relaxed" : "strict");
        write_rules(file, "allow", &settings->allow);
        write_rules(file, "operators", &settings->operators);
        (void)fprintf(file, "metrics = %s\n", settings->metrics ? "yes" : "no");
        (void)fprintf(file, "max_connections = %" PRIu32 "\n", settings->max_connections);
        (void)fprintf(file, "max_connections_per_user = %" PRIu32 "\n", settings->max_connections_per_user);
        (void)fprintf(file, "ready = %s\n", settings->ready_when_listening ? "listening" : "answered");
}

static void write_environment(FILE *file, const struct environment_settings *environment)
{
        (void)fprintf(file, "\n[environment %s]\n", environment->name);
        if (environment->base_url) {
                (void)fprintf(file, "base_url = %s\n", environment->base_url);
        }
        if (environment->account) {
                /* Behind a blank, the mark of a comment would begin one. */
                (void)fprintf(file, "account =%s%s\n", strchr("#;", environment->account[0]) ? "" : " ",
                              environment->account);
        } else {
                (void)fprintf(file, "# account: that of the first token\n");
        }
        write_duration(file, "lifetime", environment->lifetime_sec);
        if (environment->ca_file) {
                (void)fprintf(file, "ca_file = %s\n", environment->ca_file);
        } else {
                (void)fprintf(file, "# ca_file: the system's authorities\n");
        }
        write_duration(file, "connect_timeout", environment->connect_timeout_usec / USEC_PER_SEC);
        write_duration(file, "exchange_timeout", environment->exchange_timeout_usec / USEC_PER_SEC);
        if (environment->has_allow) {
                write_rules(file, "allow", &environment->allow);
        }
        if (environment->has_operators) {
                write_rules(file, "operators", &environment->operators);
        }
        (void)fprintf(file, "gateway = %s\n", environment->gateway ? "yes" : "no");
}

/* Where the gateway is off and nothing is said of it, there is nothing to read. */
static bool has_gateway(const struct environment_settings *environment)
{
        return environment->gateway || environment->gateway_rules.n > 0 || environment->encoded_slash ||
               environment->gateway_body_max != GATEWAY_BODY_MAX_DEFAULT ||
               environment->gateway_answer_timeout_usec != GATEWAY_ANSWER_TIMEOUT_DEFAULT_USEC;
}

static void write_gateway_rules(FILE *file, const struct gateway_rules *rules, bool with_who)
{
        char text[GATEWAY_RULE_TEXT_MAX];

        for (size_t i = 0; i < rules->n; i++) {
                (void)fprintf(file, "%s = %s\n", rules->rules[i].deny ? "deny" : "allow",
                              gateway_rule_format(&rules->rules[i], with_who, text));
        }
}

static void write_gateway(FILE *file, const struct environment_settings *environment)
{
        char size[SIZE_TEXT_MAX];

        (void)fprintf(file, "\n[gateway %s]\n", environment->name);
        write_gateway_rules(file, &environment->gateway_rules, /* with_who= */ true);
        (void)fprintf(file, "encoded_slash = %s\n", environment->encoded_slash ? "yes" : "no");
        (void)fprintf(file, "body_max = %s\n", size_format(environment->gateway_body_max, size));
        write_duration(file, "answer_timeout", environment->gateway_answer_timeout_usec / USEC_PER_SEC);
}

/* Of its secret the hash is shown, which opens nothing. */
static void write_local_key(FILE *file, const struct local_key *key)
{
        char hash[2 * LOCAL_KEY_HASH_SIZE + 1], date[END_DATE_TEXT_MAX];

        (void)fprintf(file, "\n[local %s]\nenvironment = %s\nid = %s\n", key->name, key->environment,
                      key->id);
        local_key_hash_format(key->secret_hash, hash);
        (void)fprintf(file, "secret_sha256 = %s\n", hash);
        if (key->has_old) {
                local_key_hash_format(key->old_secret_hash, hash);
                (void)fprintf(file, "secret_sha256_old = %s\n", hash);
                (void)fprintf(file, "old_until = %s\n", end_date_format(key->old_until_sec, date));
        }
        write_rules(file, "caller", &key->callers);
        write_gateway_rules(file, &key->rules, /* with_who= */ false);
        if (key->expires_sec != 0) {
                (void)fprintf(file, "expires = %s\n", end_date_format(key->expires_sec, date));
        }
        (void)fprintf(file, "token = %s\n", key->real ? "real" : "opaque");
}

/* Without a store there is nothing to read. */
static void write_share(FILE *file, const struct share_settings *share)
{
        if (share->n_stores == 0) {
                return;
        }
        (void)fprintf(file, "\n[share]\n");
        for (size_t i = 0; i < share->n_stores; i++) {
                (void)fprintf(file, "store = %s\n", share->stores[i].text);
        }
        if (share->username) {
                /* Behind a blank, the mark of a comment would begin one. */
                (void)fprintf(file, "username =%s%s\n", strchr("#;", share->username[0]) ? "" : " ",
                              share->username);
        }
        if (share->password_file) {
                (void)fprintf(file, "password_file = %s\n", share->password_file);
        } else {
                (void)fprintf(file, "# password_file: none, the store asks for no password\n");
        }
        if (share->ca_file) {
                (void)fprintf(file, "ca_file = %s\n", share->ca_file);
        } else {
                (void)fprintf(file, "# ca_file: the system's authorities\n");
        }
        if (share->share_secret_file) {
                (void)fprintf(file, "share_secret_file = %s\n", share->share_secret_file);
        } else {
                (void)fprintf(file, "# share_secret_file: none, all who have the access key take part\n");
        }
}

char *settings_format(const struct settings *settings)
{
        _cleanup_free_ char *text = NULL;
        size_t size;
        bool failed;
        FILE *file;

        file = open_memstream(&text, &size);
        if (!file) {
                return NULL;
        }
        write_broker(file, settings);
        for (size_t i = 0; i < settings->n_environments; i++) {
                write_environment(file, &settings->environments[i]);
        }
        for (size_t i = 0; i < settings->n_environments; i++) {
                if (has_gateway(&settings->environments[i])) {
                        write_gateway(file, &settings->environments[i]);
                }
        }
        for (size_t i = 0; i < settings->n_local_keys; i++) {
                write_local_key(file, &settings->local_keys[i]);
        }

        write_share(file, &settings->share);

        /* The stream remembers whether any of the above ran out of memory. */
        failed = ferror(file);
        if (fclose(file) != 0 || failed) {
                return NULL;
        }
        return take_ptr(text);
}

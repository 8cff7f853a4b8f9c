/* The keys of [gateway ENVIRONMENT] and [local NAME], as in settings_key.c. */
#include "lib/end_date.h"
#include "lib/settings_key.h"
#include "lib/settings_value.h"

#include <errno.h>

#define BODY_MIN                1024
#define BODY_MOST               (UINT64_C(1024) * 1024 * 1024 * 1024)
#define ANSWER_TIMEOUT_MAX_USEC USEC_PER_HOUR

/* ---- rules ---- */

/* Leaves out those of an earlier file. */
static void drop_rules(struct gateway_rules *rules, bool deny)
{
        size_t n = 0;

        for (size_t i = 0; i < rules->n; i++) {
                if (rules->rules[i].deny != deny) {
                        rules->rules[n++] = rules->rules[i];
                }
        }
        rules->n = n;
}

static int read_rule(struct settings_reading *r, const char *value, bool with_who, bool deny,
                     struct gateway_rules *rules)
{
        struct gateway_rule rule = { .deny = deny };
        const char *why = NULL;
        int n;

        if (gateway_rule_parse(value, with_who, &rule, &why) < 0) {
                return settings_fail_value(r, value, why);
        }
        (void)settings_place(r, rule.place);
        if (r->first) {
                drop_rules(rules, deny);
        }
        n = gateway_rules_add(rules, &rule);
        if (n == -E2BIG) {
                return settings_fail_value(r, value,
                                           "there are too many rules: write 64 at most, or shorter patterns "
                                           "that end with **");
        }
        return n < 0 ? settings_fail_memory(r) : 0;
}

/* ---- [gateway ENVIRONMENT] ---- */

static int set_allow(struct settings_reading *r, const char *value)
{
        return read_rule(r, value, /* with_who= */ true, /* deny= */ false, &r->environment->gateway_rules);
}

static int set_deny(struct settings_reading *r, const char *value)
{
        return read_rule(r, value, /* with_who= */ true, /* deny= */ true, &r->environment->gateway_rules);
}

static int set_encoded_slash(struct settings_reading *r, const char *value)
{
        return settings_value_either(r, value, "yes", "no", &r->environment->encoded_slash);
}

static int set_body_max(struct settings_reading *r, const char *value)
{
        return settings_value_size(r, value, BODY_MIN, BODY_MOST, &r->environment->gateway_body_max);
}

static int set_answer_timeout(struct settings_reading *r, const char *value)
{
        return settings_value_duration(r, value, ANSWER_TIMEOUT_MAX_USEC,
                                       &r->environment->gateway_answer_timeout_usec);
}

static const struct settings_key gateway_keys[] = {
        { "allow", true, set_allow },
        { "deny", true, set_deny },
        { "encoded_slash", false, set_encoded_slash },
        { "body_max", false, set_body_max },
        { "answer_timeout", false, set_answer_timeout },
};

const struct settings_keys settings_gateway_keys = { "[gateway ENVIRONMENT]", gateway_keys,
                                                     ARRAY_SIZE(gateway_keys) };

/* ---- [local NAME] ---- */

static int set_local_environment(struct settings_reading *r, const char *value)
{
        if (!environment_name_valid(value, strlen(value))) {
                return settings_fail_value(r, value, "write the name of an environment, such as production");
        }
        memcpy(r->local_key->environment, value, strlen(value) + 1);
        return 0;
}

static int set_local_id(struct settings_reading *r, const char *value)
{
        if (!local_key_id_valid(value, strlen(value))) {
                return settings_fail_value(
                        r, value, "write 1 to 64 of A-Z a-z 0-9 . _ -, the first one a letter or digit");
        }
        memcpy(r->local_key->id, value, strlen(value) + 1);
        return 0;
}

static int read_hash(struct settings_reading *r, const char *value, uint8_t ret[static LOCAL_KEY_HASH_SIZE])
{
        if (local_key_hash_parse(value, ret) < 0) {
                return settings_fail_value(r, value,
                                           "write the SHA-256 of the secret, 64 hexadecimal digits, not the "
                                           "secret itself; eqpctl local add makes both");
        }
        return 0;
}

static int set_secret(struct settings_reading *r, const char *value)
{
        r->local_key->has_secret = true;
        return read_hash(r, value, r->local_key->secret_hash);
}

static int set_old_secret(struct settings_reading *r, const char *value)
{
        r->local_key->has_old = true;
        return read_hash(r, value, r->local_key->old_secret_hash);
}

static int set_old_until(struct settings_reading *r, const char *value)
{
        return settings_value_end_date(r, value, &r->local_key->old_until_sec);
}

static int set_caller(struct settings_reading *r, const char *value)
{
        return settings_value_rule(r, value, /* units= */ false, &r->local_key->callers);
}

static int set_local_allow(struct settings_reading *r, const char *value)
{
        return read_rule(r, value, /* with_who= */ false, /* deny= */ false, &r->local_key->rules);
}

static int set_expires(struct settings_reading *r, const char *value)
{
        return settings_value_end_date(r, value, &r->local_key->expires_sec);
}

static int set_token(struct settings_reading *r, const char *value)
{
        return settings_value_either(r, value, "real", "opaque", &r->local_key->real);
}

static const struct settings_key local_keys[] = {
        { "environment", false, set_local_environment },
        { "id", false, set_local_id },
        { "secret_sha256", false, set_secret },
        { "secret_sha256_old", false, set_old_secret },
        { "old_until", false, set_old_until },
        { "caller", true, set_caller },
        { "allow", true, set_local_allow },
        { "expires", false, set_expires },
        { "token", false, set_token },
};

const struct settings_keys settings_local_keys = { "[local NAME]", local_keys, ARRAY_SIZE(local_keys) };

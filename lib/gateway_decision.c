/* The decision of the gateway's rules on a request; see lib/gateway_rule.h for the order.
 *
 * deny is broad and allow is exact, in methods and paths alike. A fact that is not known of a caller is for
 * a deny as good as any answer that makes it fit, and for an allow none. */
#include "lib/gateway_pattern.h"
#include "lib/gateway_rule.h"
#include "lib/util.h"

#include <strings.h>

/* ---- methods ---- */

/* Is it one of the list "GET,POST", in which GET stands for HEAD as well? broad: without case. */
static bool methods_fit(const char *methods, bool broad, const char *method)
{
        size_t length = strlen(method);

        if (streq(methods, "*")) {
                return true;
        }
        for (const char *p = methods; *p != '\0';) {
                size_t n = strcspn(p, ",");

                if (n == length && (broad ? strncasecmp(p, method, n) : strncmp(p, method, n)) == 0) {
                        return true;
                }
                if (n == 3 && strncmp(p, "GET", 3) == 0 &&
                    (broad ? strcasecmp(method, "HEAD") : strcmp(method, "HEAD")) == 0) {
                        return true;
                }
                p += n + (p[n] == ',');
        }
        return false;
}

static bool methods_cover(const char *wide, const char *narrow)
{
        if (streq(wide, "*") || streq(narrow, "*")) {
                return streq(wide, "*");
        }
        for (const char *p = narrow; *p != '\0';) {
                char method[GATEWAY_METHOD_MAX + 1];
                size_t n = strcspn(p, ",");

                if (n >= sizeof(method)) {
                        return false;
                }
                memcpy(method, p, n);
                method[n] = '\0';
                if (!methods_fit(wide, /* broad= */ false, method)) {
                        return false;
                }
                p += n + (p[n] == ',');
        }
        return true;
}

/* ---- callers ---- */

static bool is_name(const struct access_rule *rule)
{
        return rule->kind == ACCESS_RULE_USER || rule->kind == ACCESS_RULE_GROUP;
}

static bool deny_fits_caller(const struct access_rule *who, const struct caller_identity *caller)
{
        if (is_name(who) && !who->resolved) {
                return !who->absent; /* it may be the caller's */
        }
        if (access_rule_is_group(who) && !caller->has_groups) {
                return true;
        }
        return access_rule_fits(who, caller);
}

static bool allow_fits_caller(const struct access_rule *who, const struct caller_identity *caller,
                              bool with_key)
{
        return (who->kind == ACCESS_RULE_LOCAL) == with_key && access_rule_fits(who, caller);
}

/* ---- deciding ---- */

static const struct gateway_rule *find_deny(const struct gateway_rules *rules,
                                            const struct caller_identity *caller, const char *method,
                                            const struct gateway_reading *reading, const char *mage_id)
{
        for (size_t i = 0; i < rules->n; i++) {
                const struct gateway_rule *rule = &rules->rules[i];

                if (rule->deny && deny_fits_caller(&rule->who, caller) &&
                    methods_fit(rule->methods, /* broad= */ true, method) &&
                    gateway_pattern_may_fit(rule->pattern, reading, mage_id)) {
                        return rule;
                }
        }
        return NULL;
}

static bool allow_fits(const struct gateway_rule *rule, const char *method, const char *path, size_t length,
                       const char *mage_id)
{
        return !rule->deny && methods_fit(rule->methods, /* broad= */ false, method) &&
               gateway_pattern_fits(rule->pattern, path, length, mage_id);
}

struct gateway_decision gateway_rules_decide(const struct gateway_rules *environment,
                                             const struct gateway_rules *of_key,
                                             const struct caller_identity *caller, const char *method,
                                             const char *path, size_t length, const char *mage_id)
{
        const bool with_key = of_key || caller->local;
        struct gateway_reading reading;

        if (length < strlen(GATEWAY_PREFIX) || length > sizeof(reading.text) ||
            memcmp(path, GATEWAY_PREFIX, strlen(GATEWAY_PREFIX)) != 0) {
                return (struct gateway_decision){ false, NULL };
        }
        for (unsigned n = 0; gateway_reading_next(&reading, path, length, &n);) {
                const struct gateway_rule *rule = find_deny(environment, caller, method, &reading, mage_id);

                if (rule) {
                        return (struct gateway_decision){ false, rule };
                }
        }
        for (size_t i = 0; of_key && i < of_key->n; i++) {
                if (allow_fits(&of_key->rules[i], method, path, length, mage_id)) {
                        return (struct gateway_decision){ true, &of_key->rules[i] };
                }
        }
        for (size_t i = 0; i < environment->n; i++) {
                const struct gateway_rule *rule = &environment->rules[i];

                if (allow_fits(rule, method, path, length, mage_id) &&
                    allow_fits_caller(&rule->who, caller, with_key)) {
                        return (struct gateway_decision){ true, rule };
                }
        }
        return (struct gateway_decision){ false, NULL };
}

/* ---- one rule and another ---- */

static bool covers_callers(const struct gateway_rule *earlier, const struct gateway_rule *later)
{
        const struct access_rule *a = &earlier->who, *b = &later->who;

        if (a->kind == ACCESS_RULE_ANY) {
                return earlier->deny || b->kind != ACCESS_RULE_LOCAL;
        }
        if (a->kind != b->kind) {
                return false;
        }
        return a->kind == ACCESS_RULE_UID || a->kind == ACCESS_RULE_GID ? a->id == b->id
                                                                        : streq(a->name, b->name);
}

bool gateway_rule_covers(const struct gateway_rule *earlier, const struct gateway_rule *later)
{
        if (later->deny && !earlier->deny) {
                return false;
        }
        return covers_callers(earlier, later) && methods_cover(earlier->methods, later->methods) &&
               gateway_pattern_covers(earlier->pattern, earlier->deny, later->pattern);
}

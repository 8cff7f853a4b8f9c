/* Rules of the gateway: reading, writing, lists.
 *
 * The decision is in gateway_decision.c, the comparison of paths in gateway_pattern.c. */
#include "lib/gateway_rule.h"

#include "lib/gateway_pattern.h"
#include "lib/util.h"

#include <errno.h>
#include <stdio.h>

#define BLANKS     " \t"
#define FIELDS_MAX 3

/* ---- reading ---- */

static int refuse(const char **reterr_why, const char *why)
{
        *reterr_why = why;
        return -EINVAL;
}

static const char *methods_fault(const char *methods)
{
        if (streq(methods, "*")) {
                return NULL;
        }
        for (const char *p = methods;;) {
                char method[GATEWAY_METHOD_MAX + 1];
                size_t length = strcspn(p, ",");

                if (length == 0) {
                        return "a method is missing: write one, such as GET, a list such as GET,POST, or *";
                }
                if (length >= sizeof(method)) {
                        return "a method has 16 characters at most";
                }
                memcpy(method, p, length);
                method[length] = '\0';
                if (strspn(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != length) {
                        return "methods are written in capitals, with commas and no blanks between them: "
                               "GET,POST; "
                               "* stands for all, by itself";
                }
                if (!gateway_method_valid(method)) {
                        return "TRACE and CONNECT are never passed on: leave them out";
                }
                if (p[length] == '\0') {
                        return NULL;
                }
                p += length + 1;
        }
}

bool gateway_rule_valid(const struct gateway_rule *rule)
{
        return rule->who.kind != ACCESS_RULE_UNIT && !methods_fault(rule->methods) &&
               !gateway_pattern_fault(rule->pattern);
}

static int read_who(const char *text, struct access_rule *ret, const char **reterr_why)
{
        if (access_rule_parse(text, ret, reterr_why) < 0) {
                return -EINVAL;
        }
        if (ret->kind == ACCESS_RULE_UNIT) {
                return refuse(
                        reterr_why,
                        "the gateway's rules go by users, groups and local keys, not by units: write "
                        "the user:NAME that the unit runs as, or the local:NAME of a key that it uses");
        }
        return 0;
}

/* Fields parted by blanks; returns how many there are, FIELDS_MAX + 1 for any more. A field that is too long
 * is cut to what is too long everywhere. */
static size_t split(const char *text, char fields[static FIELDS_MAX][GATEWAY_PATTERN_MAX + 2])
{
        size_t n = 0;

        for (text += strspn(text, BLANKS); *text != '\0'; text += strspn(text, BLANKS)) {
                size_t length = strcspn(text, BLANKS);

                if (n == FIELDS_MAX) {
                        return n + 1;
                }
                (void)snprintf(fields[n++], GATEWAY_PATTERN_MAX + 2, "%.*s",
                               (int)MIN_OF(length, (size_t)GATEWAY_PATTERN_MAX + 1), text);
                text += length;
        }
        return n;
}

int gateway_rule_parse(const char *text, bool with_who, struct gateway_rule *ret, const char **reterr_why)
{
        char fields[FIELDS_MAX][GATEWAY_PATTERN_MAX + 2];
        struct access_rule who = { .kind = ACCESS_RULE_ANY, .resolved = true };
        const char *methods = fields[with_who], *pattern = fields[with_who + 1], *fault;

        if (split(text, fields) != (with_who ? 3U : 2U)) {
                return refuse(reterr_why,
                              with_who ? "write WHO METHODS PATTERN, such as user:ci GET /rest/v1/reports/**"
                                       : "write METHODS PATTERN, such as GET /rest/v1/reports/**");
        }
        if (with_who && read_who(fields[0], &who, reterr_why) < 0) {
                return -EINVAL;
        }
        fault = methods_fault(methods);
        if (!fault && strlen(methods) > GATEWAY_METHODS_MAX) {
                fault = "the list of methods is over 80 characters long: write two rules, or *";
        }
        if (!fault && strlen(pattern) > GATEWAY_PATTERN_MAX) {
                fault = "the pattern is over 160 characters long: end it earlier, with **";
        }
        if (!fault) {
                fault = gateway_pattern_fault(pattern);
        }
        if (fault) {
                return refuse(reterr_why, fault);
        }
        ret->who = who;
        (void)snprintf(ret->methods, sizeof(ret->methods), "%.*s", GATEWAY_METHODS_MAX, methods);
        (void)snprintf(ret->pattern, sizeof(ret->pattern), "%.*s", GATEWAY_PATTERN_MAX, pattern);
        return 0;
}

const char *gateway_rule_format(const struct gateway_rule *rule, bool with_who,
                                char buffer[static GATEWAY_RULE_TEXT_MAX])
{
        char who[ACCESS_RULE_TEXT_MAX];

        (void)snprintf(buffer, GATEWAY_RULE_TEXT_MAX, "%s%s%s %s",
                       with_who ? access_rule_format(&rule->who, who) : "", with_who ? " " : "",
                       rule->methods, rule->pattern);
        return buffer;
}

/* ---- lists ---- */

int gateway_rules_add(struct gateway_rules *rules, const struct gateway_rule *rule)
{
        struct gateway_rule *grown;

        if (rules->n >= GATEWAY_RULES_MAX) {
                return -E2BIG;
        }
        grown = reallocarray(rules->rules, rules->n + 1, sizeof(*grown));
        if (!grown) {
                return -ENOMEM;
        }
        grown[rules->n] = *rule;
        rules->rules = grown;
        rules->n++;
        return 0;
}

void gateway_rules_clear(struct gateway_rules *rules)
{
        free(rules->rules);
        *rules = (struct gateway_rules){ .n = 0 };
}

int gateway_rules_copy(struct gateway_rules *ret, const struct gateway_rules *from)
{
        struct gateway_rules copy = { .n = from->n };

        if (from->n > 0) {
                copy.rules = calloc(from->n, sizeof(*copy.rules));
                if (!copy.rules) {
                        return -ENOMEM;
                }
                memcpy(copy.rules, from->rules, from->n * sizeof(*copy.rules));
        }
        *ret = copy;
        return 0;
}

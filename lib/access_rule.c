/* Callers that may do something.
 *
 * A rule names one caller, or the members of one group, or a unit, or anybody. A list of rules only ever
 * allows: a caller that no rule names is refused, so an empty list refuses everybody. Rules by name say
 * nothing until the process that may ask the user database has *resolved* them. */
#include "lib/access_rule.h"

#include "lib/names.h"
#include "lib/util.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define ID_OVERFLOW UINT32_C(65534) /* shown by the kernel for an id that it cannot map */
#define ID_INVALID  UINT32_MAX      /* (uid_t)-1 */

/* ---- parsing ---- */

static int refuse(const char **reterr_why, const char *why)
{
        *reterr_why = why;
        return -EINVAL;
}

static int parse_id(const char *text, uint32_t *ret, const char **reterr_why)
{
        uint64_t id = 0;
        const char *p = text;

        for (; *p >= '0' && *p <= '9' && id <= UINT32_MAX; p++) {
                id = id * 10 + (uint64_t)(*p - '0');
        }
        if (p == text || *p != '\0' || id > UINT32_MAX) {
                return refuse(reterr_why, "the id is not a number from 0 to 4294967294");
        }
        if (id == ID_OVERFLOW || id == ID_INVALID) {
                return refuse(reterr_why,
                              "this id stands for nobody: 65534 and 4294967295 cannot be allowed");
        }
        *ret = (uint32_t)id;
        return 0;
}

static int check_name(const char *name, const char **reterr_why)
{
        size_t length = strlen(name);

        if (length == 0) {
                return refuse(reterr_why, "the name is missing: write user:NAME or group:NAME");
        }
        if (length > ACCESS_RULE_NAME_MAX) {
                return refuse(reterr_why, "the name is over 32 characters long");
        }
        if (strspn(name, "0123456789") == length) {
                return refuse(reterr_why, "the name is a number: write uid:NUMBER or gid:NUMBER");
        }
        if (name[0] == '-') {
                return refuse(reterr_why, "a name does not begin with a hyphen");
        }
        for (const char *p = name; *p != '\0'; p++) {
                if (*p < 0x21 || *p > 0x7e || strchr(":,;/\"'#", *p)) {
                        return refuse(reterr_why,
                                      "the name has a character that names do not have: write one rule "
                                      "per line, as user:NAME or group:NAME");
                }
        }
        return 0;
}

static int check_unit(const char *name, const char **reterr_why)
{
        const char *fault = unit_name_fault(name, strlen(name));

        return fault ? refuse(reterr_why, fault) : 0;
}

static int check_local(const char *name, const char **reterr_why)
{
        if (!local_key_name_valid(name, strlen(name))) {
                return refuse(reterr_why, "this is no name of a local key: write local:NAME, as in its "
                                          "section [local NAME]");
        }
        return 0;
}

/* "any" has no prefix. */
static const char *const prefixes[] = {
        [ACCESS_RULE_ANY] = NULL,       [ACCESS_RULE_UID] = "uid:",     [ACCESS_RULE_GID] = "gid:",
        [ACCESS_RULE_USER] = "user:",   [ACCESS_RULE_GROUP] = "group:", [ACCESS_RULE_UNIT] = "unit:",
        [ACCESS_RULE_LOCAL] = "local:",
};

static bool is_number(const struct access_rule *rule)
{
        return rule->kind == ACCESS_RULE_UID || rule->kind == ACCESS_RULE_GID;
}

int access_rule_parse(const char *text, struct access_rule *ret, const char **reterr_why)
{
        struct access_rule rule = { .kind = ACCESS_RULE_ANY, .resolved = true };
        const char *rest = NULL;
        int r;

        if (streq(text, "any")) {
                *ret = rule;
                return 0;
        }

        for (size_t i = 0; i < ARRAY_SIZE(prefixes) && !rest; i++) {
                if (prefixes[i] && strncmp(text, prefixes[i], strlen(prefixes[i])) == 0) {
                        rule.kind = (enum access_rule_kind)i;
                        rest = text + strlen(prefixes[i]);
                }
        }
        if (!rest) {
                return refuse(reterr_why,
                              "it is no rule: write user:NAME, uid:NUMBER, group:NAME, gid:NUMBER, "
                              "unit:NAME.service or any");
        }

        if (is_number(&rule)) {
                r = parse_id(rest, &rule.id, reterr_why);
        } else if (rule.kind == ACCESS_RULE_UNIT) {
                r = check_unit(rest, reterr_why);
        } else if (rule.kind == ACCESS_RULE_LOCAL) {
                r = check_local(rest, reterr_why);
        } else {
                rule.resolved = false;
                r = check_name(rest, reterr_why);
        }
        if (r < 0) {
                return r;
        }
        if (!is_number(&rule)) {
                memcpy(rule.name, rest, strlen(rest) + 1);
        }
        *ret = rule;
        return 0;
}

const char *access_rule_format(const struct access_rule *rule, char buffer[static ACCESS_RULE_TEXT_MAX])
{
        if (rule->kind == ACCESS_RULE_ANY) {
                (void)snprintf(buffer, ACCESS_RULE_TEXT_MAX, "any");
        } else if (is_number(rule)) {
                (void)snprintf(buffer, ACCESS_RULE_TEXT_MAX, "%s%" PRIu32, prefixes[rule->kind], rule->id);
        } else {
                (void)snprintf(buffer, ACCESS_RULE_TEXT_MAX, "%s%s", prefixes[rule->kind], rule->name);
        }
        return buffer;
}

/* ---- lists ---- */

int access_rules_add(struct access_rules *rules, const struct access_rule *rule)
{
        struct access_rule *grown;

        if (rules->n >= ACCESS_RULES_MAX) {
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

void access_rules_clear(struct access_rules *rules)
{
        free(rules->rules);
        *rules = (struct access_rules){ .n = 0 };
}

int access_rules_copy(struct access_rules *ret, const struct access_rules *from)
{
        struct access_rules copy = { .n = from->n };

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

/* ---- judging ---- */

bool access_rule_is_group(const struct access_rule *rule)
{
        return rule->resolved && (rule->kind == ACCESS_RULE_GID || rule->kind == ACCESS_RULE_GROUP);
}

static bool fits_user(const struct access_rule *rule, const struct caller_identity *caller)
{
        if (rule->kind == ACCESS_RULE_ANY) {
                return true;
        }
        return rule->resolved && (rule->kind == ACCESS_RULE_UID || rule->kind == ACCESS_RULE_USER) &&
               rule->id == caller->uid;
}

static bool fits_group(const struct access_rule *rule, const struct caller_identity *caller)
{
        if (!access_rule_is_group(rule) || !caller->has_groups) {
                return false;
        }
        if (rule->id == caller->gid) {
                return true;
        }
        for (size_t i = 0; i < caller->n_groups; i++) {
                if (rule->id == caller->groups[i]) {
                        return true;
                }
        }
        return false;
}

static bool fits_unit(const struct access_rule *rule, const struct caller_identity *caller)
{
        return rule->kind == ACCESS_RULE_UNIT && caller->unit && unit_name_fits(rule->name, caller->unit);
}

bool access_rule_fits(const struct access_rule *rule, const struct caller_identity *caller)
{
        if (rule->kind == ACCESS_RULE_LOCAL) {
                return caller->local && streq(rule->name, caller->local);
        }
        return fits_user(rule, caller) || fits_group(rule, caller) || fits_unit(rule, caller);
}

bool access_rules_allow(const struct access_rules *rules, const struct caller_identity *caller)
{
        for (size_t i = 0; i < rules->n; i++) {
                if (rules->rules[i].kind != ACCESS_RULE_LOCAL &&
                    access_rule_fits(&rules->rules[i], caller)) {
                        return true;
                }
        }
        return false;
}

bool access_rules_allow_unit(const struct access_rules *rules, const char *unit)
{
        for (size_t i = 0; i < rules->n; i++) {
                const struct access_rule *rule = &rules->rules[i];
                if (rule->kind == ACCESS_RULE_ANY ||
                    (rule->kind == ACCESS_RULE_UNIT && unit_name_fits(rule->name, unit))) {
                        return true;
                }
        }
        return false;
}

bool access_rules_name_unit(const struct access_rules *rules, const char *unit)
{
        for (size_t i = 0; i < rules->n; i++) {
                const struct access_rule *rule = &rules->rules[i];
                if (rule->kind == ACCESS_RULE_UNIT && unit_name_fits(rule->name, unit)) {
                        return true;
                }
        }
        return false;
}

bool access_rules_need_unit(const struct access_rules *rules, const struct caller_identity *caller)
{
        bool has_unit = false;

        for (size_t i = 0; i < rules->n; i++) {
                if (fits_user(&rules->rules[i], caller) || fits_group(&rules->rules[i], caller)) {
                        return false;
                }
                has_unit = has_unit || rules->rules[i].kind == ACCESS_RULE_UNIT;
        }
        return has_unit;
}

bool access_rules_need_groups(const struct access_rules *rules, const struct caller_identity *caller)
{
        bool has_group_rule = false;

        for (size_t i = 0; i < rules->n; i++) {
                if (fits_user(&rules->rules[i], caller)) {
                        return false;
                }
                has_group_rule = has_group_rule || access_rule_is_group(&rules->rules[i]);
        }
        return has_group_rule;
}

bool access_rules_need_names(const struct access_rules *rules, const struct caller_identity *caller)
{
        bool has_name = false;

        for (size_t i = 0; i < rules->n; i++) {
                const struct access_rule *rule = &rules->rules[i];
                if (rule->kind == ACCESS_RULE_USER || rule->kind == ACCESS_RULE_GROUP) {
                        has_name = true;
                } else if (rule->kind != ACCESS_RULE_LOCAL && access_rule_fits(rule, caller)) {
                        return false;
                }
        }
        return has_name;
}

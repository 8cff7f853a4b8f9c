/* Callers that may do something: a list of rules such as "user:deploy", "gid:33", "unit:deploy.service",
 * "any". The first that fits allows; none fits: refused. "local:NAME" is for the gateway's rules,
 * lib/gateway_rule.h.
 */
#pragma once

#include "lib/unit_name.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define ACCESS_RULE_NAME_MAX 32 /* characters of a user's or group's name */
#define ACCESS_RULES_MAX     64 /* of one list */

enum access_rule_kind {
        ACCESS_RULE_ANY,
        ACCESS_RULE_UID,
        ACCESS_RULE_GID,
        ACCESS_RULE_USER,  /* by name, a uid once it is resolved */
        ACCESS_RULE_GROUP, /* by name, a gid once it is resolved */
        ACCESS_RULE_UNIT,  /* a unit, or the instances of a template: its processes, and its credentials */
        ACCESS_RULE_LOCAL, /* a request that carries the local key of this name */
};

struct access_rule {
        enum access_rule_kind kind;
        bool resolved; /* `id` holds, or none is needed; an unresolved rule fits nobody */
        bool absent;   /* it is unresolved as there is no such name; else because nobody has told yet */
        bool optional; /* a default: its name need not exist on this host */
        uint32_t id;
        char name[UNIT_NAME_MAX + 1];
};

struct access_rules {
        struct access_rule *rules;
        size_t n;
};

/* A caller as the kernel named it. Groups: gid, and all others that may matter, if has_groups. unit: the
 * service manager's unit that it belongs to; NULL: none, or it is not known. local: the name of the local
 * key that its request carries, which was found good; NULL: none. */
struct caller_identity {
        uid_t uid;
        gid_t gid;
        bool has_groups;
        const gid_t *groups;
        size_t n_groups;
        const char *unit;
        const char *local;
};

/* Reads one rule. -EINVAL with *reterr_why, a static text. uid and gid 4294967295 (-1) and 65534 are
 * refused: nobody's. */
int access_rule_parse(const char *text, struct access_rule *ret, const char **reterr_why);

/* Is it about a group whose number is known? */
bool access_rule_is_group(const struct access_rule *rule);

/* Does this one rule fit the caller? As in a list, but that a rule for a local key fits whose request
 * carries it. */
bool access_rule_fits(const struct access_rule *rule, const struct caller_identity *caller);

/* Writes it as access_rule_parse() reads it. Returns buffer. */
#define ACCESS_RULE_TEXT_MAX (sizeof("group:") + UNIT_NAME_MAX)
const char *access_rule_format(const struct access_rule *rule, char buffer[static ACCESS_RULE_TEXT_MAX]);

/* Appends; -ENOMEM, -E2BIG beyond ACCESS_RULES_MAX. */
int access_rules_add(struct access_rules *rules, const struct access_rule *rule);
void access_rules_clear(struct access_rules *rules);
int access_rules_copy(struct access_rules *ret, const struct access_rules *from);

/* Do the rules allow this caller? A group rule never fits a caller whose groups are not known, but by its
 * primary group when has_groups is set. A rule for a local key fits no caller: that opens what the gateway's
 * rules say. */
bool access_rules_allow(const struct access_rules *rules, const struct caller_identity *caller);

/* Do they allow this unit to have a credential? Only rules for units and "any" can: it is the manager that
 * asks, no matter which user the unit has. */
bool access_rules_allow_unit(const struct access_rules *rules, const char *unit);

/* Does a rule for units, and none of another kind, fit this one? */
bool access_rules_name_unit(const struct access_rules *rules, const char *unit);

/* Does the answer depend on the caller's unit, i.e. is there a rule for units and does no other rule allow
 * the caller? */
bool access_rules_need_unit(const struct access_rules *rules, const struct caller_identity *caller);

/* Does the answer depend on the caller's groups, i.e. is there a resolved group rule and does no other rule
 * allow it? */
bool access_rules_need_groups(const struct access_rules *rules, const struct caller_identity *caller);

/* Does it depend on rules by name, i.e. is there one, resolved or not, and does no other rule allow it? */
bool access_rules_need_names(const struct access_rules *rules, const struct caller_identity *caller);

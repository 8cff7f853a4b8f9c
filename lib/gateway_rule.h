/* Which requests the gateway passes on: a list of rules such as "allow = user:ci GET /rest/v1/reports".
 *
 * A rule names callers, methods and a pattern of paths. allow is exact: it compares bytes. deny is broad: it
 * fits whatever spelling some upstream may take for what it names. All denies count first, then the first
 * allow that fits; none fits: refused. */
#pragma once

#include "lib/access_rule.h"
#include "lib/gateway_target.h"

#include <stdbool.h>
#include <stddef.h>

#define GATEWAY_METHODS_MAX 80  /* characters of a list of methods */
#define GATEWAY_PATTERN_MAX 160 /* characters of a pattern */
#define GATEWAY_PLACE_MAX   191 /* characters of "FILE:LINE"; of a long name the end is there */
#define GATEWAY_RULES_MAX   64  /* of one list */
#define GATEWAY_RULE_TEXT_MAX                                                                               \
        (sizeof("group:") + UNIT_NAME_MAX + GATEWAY_METHODS_MAX + 1 + GATEWAY_PATTERN_MAX + 1)

/* Values only; the texts end with a NUL. */
struct gateway_rule {
        bool deny;
        struct access_rule who;                /* in [local NAME] ACCESS_RULE_ANY; never ACCESS_RULE_UNIT */
        char methods[GATEWAY_METHODS_MAX + 1]; /* "*" or "GET,POST" */
        char pattern[GATEWAY_PATTERN_MAX + 1]; /* "/rest/v1/users/{mage_id}/reports/..." */
        char place[GATEWAY_PLACE_MAX + 1];     /* where it was written; for people */
};

struct gateway_rules {
        struct gateway_rule *rules;
        size_t n;
};

struct gateway_decision {
        bool allowed;
        const struct gateway_rule
                *rule; /* the one that decides, inside the lists; NULL: none fits, refused */
};

/* Reads "METHODS PATTERN", or, with_who, "WHO METHODS PATTERN"; fields are parted by white space. deny and
 * place are left as they are in *ret, all else is written. -EINVAL with *reterr_why, a static text. */
int gateway_rule_parse(const char *text, bool with_who, struct gateway_rule *ret, const char **reterr_why);

/* Could gateway_rule_parse() have made its methods and its pattern? For rules that came by message; `who` is
 * judged where access rules are. */
bool gateway_rule_valid(const struct gateway_rule *rule);

/* The value that reads as this rule: the input of gateway_rule_parse(). Returns buffer. */
const char *gateway_rule_format(const struct gateway_rule *rule, bool with_who,
                                char buffer[static GATEWAY_RULE_TEXT_MAX]);

/* Appends; -ENOMEM, -E2BIG beyond GATEWAY_RULES_MAX. */
int gateway_rules_add(struct gateway_rules *rules, const struct gateway_rule *rule);
void gateway_rules_clear(struct gateway_rules *rules);
/* -ENOMEM. */
int gateway_rules_copy(struct gateway_rules *ret, const struct gateway_rules *from);

/* May this request be passed on? environment: the rules of [gateway ENVIRONMENT]. of_key: those of the local
 * key that the request carries, whose name is caller->local; NULL with caller->local NULL: it carries none.
 * path, length: as gateway_target_check() told, which the request has passed. mage_id: the environment's
 * account; NULL: not known, then {mage_id} allows nothing and denies any one segment.
 *
 * In this order: every deny of the environment, for every caller; then, with a local key, its own rules and
 * the environment's for that key; without, the environment's for the caller. A deny that names a group
 * counts for callers whose groups are not known, one whose name is not looked up yet for everybody. */
struct gateway_decision gateway_rules_decide(const struct gateway_rules *environment,
                                             const struct gateway_rules *of_key,
                                             const struct caller_identity *caller, const char *method,
                                             const char *path, size_t length, const char *mage_id);

/* Does the earlier rule fit whatever the later one fits, so that nothing reaches the latter? Both are of one
 * list, or of two that count one after the other; every deny counts before every allow. In doubt it says no.
 */
bool gateway_rule_covers(const struct gateway_rule *earlier, const struct gateway_rule *later);

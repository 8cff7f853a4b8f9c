/* Rules of the gateway from text, for several tests. */
#pragma once

#include "lib/gateway_rule.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#define ALLOW "allow "
#define DENY  "deny "

/* "allow user:ci GET /rest/v1/a", or without WHO for a local key. */
static inline void add(struct gateway_rules *rules, const char *text, bool with_who)
{
        bool deny = strncmp(text, DENY, strlen(DENY)) == 0;
        struct gateway_rule rule = { .deny = deny };
        const char *why = "";

        if (gateway_rule_parse(text + strlen(deny ? DENY : ALLOW), with_who, &rule, &why) < 0) {
                fail_msg("%s: %s", text, why);
        }
        assert_true(gateway_rule_valid(&rule));
        assert_int_equal(gateway_rules_add(rules, &rule), 0);
}

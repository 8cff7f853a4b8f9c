/* Remarks on local keys and the gateway's rules: each once, with its place, and none where all is well. */
#include "lib/gateway_remark.h"
#include "tests/unit/settings_text.h"

#include <stdio.h>

#define NOW  INT64_C(1800000000) /* 2027-01-15 */
#define HASH "50d858e0985ecc7f60418aaf0cc5ab587f42c2570a884095a9e8ccacd0f6545c"
#define ON   "[environment sandbox]\ngateway = yes\n" /* 2 lines */
#define KEY(name)                                                                                           \
        "[local " name "]\nenvironment = sandbox\nid = lk-" name "\nsecret_sha256 = " HASH "\n" /* 4 lines  \
                                                                                                 */

static void note(const char *environment, const char *text, void *userdata)
{
        char *all = userdata;

        assert_string_equal(environment, "sandbox");
        strcat(all, text);
        strcat(all, "\n");
}

static void expect(const char *text, const char *remarks)
{
        _cleanup_(settings_freep) struct settings *s = read_good(text);
        char all[4096] = "";

        gateway_remarks(s, NOW, note, all);
        assert_string_equal(all, remarks);
}

static void all_is_well(void **state)
{
        expect("", "");
        expect(ON, "");
        expect(ON KEY("a") "allow = GET /rest/v1/a\nexpires = 2027-01-15\n"
                           "[gateway sandbox]\nallow = any GET /rest/v1/**\nallow = local:a POST "
                           "/rest/v1/b\n"
                           "deny = any GET /rest/v1/a/b\ndeny = local:a POST /rest/v1/a\n",
               "");
        /* a key that gives out real tokens needs no gateway and no rule */
        expect(KEY("a") "token = real\n", "");
        expect(ON KEY("a") "token = real\n", "");
        expect(ON KEY("a") "[gateway sandbox]\nallow = local:a GET /rest/v1/a\n", "");
}

static void where_it_is_off(void **state)
{
        expect("[gateway sandbox]\nallow = any GET /rest/v1/a\nallow = any GET /rest/v1/b\n",
               "a.conf:2: [gateway sandbox] has rules, and the gateway is off: set gateway = yes in "
               "[environment "
               "sandbox], or leave them out\n");
        expect(KEY("a"), "a.conf:1: the tokens of local key a open nothing while the gateway is off: set "
                         "gateway = yes "
                         "in [environment sandbox]\n");
        expect(KEY("a") "token = real\nallow = GET /rest/v1/a\n",
               "a.conf:1: the rules of local key a say nothing while the gateway is off: set gateway = yes "
               "in "
               "[environment sandbox]\n");
}

static void keys_that_open_nothing(void **state)
{
        expect(ON KEY("a"),
               "a.conf:3: local key a has no rule and opens nothing: write allow = METHODS PATTERN, such as "
               "allow = GET /rest/v1/reports/**\n");
        expect(ON KEY("a") "[gateway sandbox]\ndeny = local:a GET /rest/v1/a\n",
               "a.conf:3: local key a has no rule and opens nothing: write allow = METHODS PATTERN, such as "
               "allow = GET "
               "/rest/v1/reports/**\n");
        expect(ON KEY("a") "allow = GET /rest/v1/a\nexpires = 2027-01-14\n",
               "a.conf:3: local key a has expired (expires = 2027-01-14) and opens nothing: set a later "
               "date, or remove "
               "it with: eqpctl local remove a\n");
        expect(ON KEY("a") "allow = GET /rest/v1/a\nexpires = 2027-01-15T08:00:00Z\n",
               "a.conf:3: local key a has expired (expires = 2027-01-15T08:00:00Z) and opens nothing: set a "
               "later date, "
               "or remove it with: eqpctl local remove a\n");
        expect(ON KEY("a") "allow = GET /rest/v1/a\nexpires = 2027-01-15T08:00:01Z\n", "");
}

static void keys_that_there_are_not(void **state)
{
        expect(ON "[gateway sandbox]\nallow = local:b GET /rest/v1/a\n",
               "a.conf:4: there is no local key b: the rule says nothing until there is a section [local "
               "b]\n");
        expect(ON "[local b]\nenvironment = production\nid = b\nsecret_sha256 = " HASH "\ntoken = real\n"
                  "[gateway sandbox]\ndeny = local:b GET /rest/v1/a\n",
               "a.conf:9: local key b is for production, not for sandbox: the rule says nothing; write it "
               "into [gateway "
               "production]\n");
}

static void rules_that_nothing_reaches(void **state)
{
        expect(ON "[gateway sandbox]\nallow = any GET /rest/v1/**\nallow = uid:1 HEAD /rest/v1/a\n",
               "a.conf:5: allow = uid:1 HEAD /rest/v1/a: nothing reaches this rule, as allow at a.conf:4 "
               "decides before "
               "it: leave one of the two out, or narrow the other\n");
        /* a deny counts before it, wherever it stands; nothing counts before a deny but another */
        expect(ON "[gateway sandbox]\nallow = uid:1 GET /rest/v1/A\ndeny = any * /rest/v1/*\n",
               "a.conf:4: allow = uid:1 GET /rest/v1/A: nothing reaches this rule, as deny at a.conf:5 "
               "decides before "
               "it: leave one of the two out, or narrow the other\n");
        expect(ON "[gateway sandbox]\nallow = any GET /rest/v1/**\ndeny = any GET /rest/v1/a\n", "");
        expect(ON "[gateway sandbox]\ndeny = any GET /rest/v1/a\ndeny = any GET /rest/v1/A/\n",
               "a.conf:5: deny = any GET /rest/v1/A/: nothing reaches this rule, as deny at a.conf:4 "
               "decides before it: "
               "leave one of the two out, or narrow the other\n");
        expect(ON "[gateway sandbox]\nallow = any GET /rest/v1/a\nallow = any GET /rest/v1/**\n", "");
}

static void rules_of_keys_that_nothing_reaches(void **state)
{
        expect(ON KEY("a") "allow = GET /rest/v1/**\nallow = GET /rest/v1/a\n",
               "a.conf:8: allow = GET /rest/v1/a: nothing reaches this rule, as allow at a.conf:7 decides "
               "before it: "
               "leave one of the two out, or narrow the other\n");
        expect(ON KEY("a") "allow = GET /rest/v1/a\n[gateway sandbox]\ndeny = local:a * /rest/v1/**\n",
               "a.conf:7: allow = GET /rest/v1/a: nothing reaches this rule, as deny at a.conf:9 decides "
               "before it: "
               "leave one of the two out, or narrow the other\n");
        expect(ON KEY("a") "allow = GET /rest/v1/**\n[gateway sandbox]\nallow = local:a GET /rest/v1/a\n",
               "a.conf:9: allow = local:a GET /rest/v1/a: nothing reaches this rule, as allow at a.conf:7 "
               "decides before "
               "it: leave one of the two out, or narrow the other\n");
        /* another key's, or what others are allowed, is no matter */
        expect(ON KEY("a") "allow = GET /rest/v1/a\n" KEY(
                       "b") "allow = GET /rest/v1/a\n[gateway sandbox]\n"
                            "allow = any * /rest/v1/**\ndeny = local:a PUT "
                            "/rest/v1/**\n",
               "");
}

static void the_token_endpoint(void **state)
{
        expect(ON KEY("a") "allow = POST /rest/v1/app/session/token\n[gateway sandbox]\nallow = any * "
                           "/rest/v1/app/session/**\n",
               "a.conf:9: allow = any * /rest/v1/app/session/**: nothing reaches this rule, as the "
               "upstream's token "
               "endpoint is never passed on; the broker's own needs no rule: leave it out\n"
               "a.conf:7: allow = POST /rest/v1/app/session/token: nothing reaches this rule, as the "
               "upstream's token "
               "endpoint is never passed on; the broker's own needs no rule: leave it out\n");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(all_is_well),
                cmocka_unit_test(where_it_is_off),
                cmocka_unit_test(keys_that_open_nothing),
                cmocka_unit_test(keys_that_there_are_not),
                cmocka_unit_test(rules_that_nothing_reaches),
                cmocka_unit_test(rules_of_keys_that_nothing_reaches),
                cmocka_unit_test(the_token_endpoint),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

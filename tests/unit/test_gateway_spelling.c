/* Spellings: whichever of a denied path gets past the check of the target, it is refused; and what is
 * allowed has one only. */
#include "lib/gateway_spelling.h"
#include "tests/unit/gateway_rules.h"

#include <ctype.h>
#include <stdio.h>

/* ---- readings ---- */

static void expect_readings(const char *path, const char *const *expected)
{
        struct gateway_reading reading;
        unsigned place = 0;

        while (gateway_reading_next(&reading, path, strlen(path), &place)) {
                assert_non_null(*expected);
                assert_int_equal(reading.length, strlen(*expected));
                assert_memory_equal(reading.text, *expected, reading.length);
                expected++;
        }
        assert_null(*expected);
}

static void readings(void **state)
{
        expect_readings("/A%41+b%3A%zz", (const char *const[]){ "/aa b:%zz", NULL });
        expect_readings("/a%2Fb", (const char *const[]){ "/a\1b", "/a/b", NULL });
        expect_readings("/a%3fb", (const char *const[]){ "/a?b", "/a", NULL });
        expect_readings("/a%2fb%23c", (const char *const[]){ "/a\1b#c", "/a/b#c", "/a\1b", "/a/b", NULL });
        expect_readings("/a%23b%2fc", (const char *const[]){ "/a#b\1c", "/a#b/c", "/a", "/a", NULL });
        expect_readings("/a?b#c", (const char *const[]){ "/a?b#c", NULL });
        expect_readings("", (const char *const[]){ "", NULL });
}

/* ---- any spelling ---- */

static uint64_t seed = 20261128;

static unsigned random_below(unsigned n)
{
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (unsigned)(seed >> 33) % n;
}

/* A segment that a pattern may have: letters, and what can be written in more ways than one. */
static void make_word(char *ret)
{
        static const char *const pieces[] = { "a", "k", "s",   "Z",   "7",      "-", ":",
                                              "@", "a", "%3A", "%20", "%C3%A4", "." };
        unsigned n = 1 + random_below(5);

        strcpy(ret, "w");
        while (n-- > 0) {
                strcat(ret, pieces[random_below(ARRAY_SIZE(pieces))]);
        }
        strcat(ret, "e");
}

/* Spellings that an upstream may take for the same. */
static void respell(const char *word, char *ret)
{
        char *to = ret;

        to += random_below(8) == 0 ? sprintf(to, "%s", random_below(2) ? "%20" : "+") : 0;
        for (const char *p = word; *p != '\0'; p++) {
                if (*p == '%') {
                        *to++ = *p++;
                        *to++ = *p++;
                        *to++ = random_below(2) ? (char)toupper(*p) : (char)tolower(*p);
                } else if (strchr(":@", *p) && random_below(2)) {
                        to += sprintf(to, random_below(2) ? "%%%02X" : "%%%02x", (unsigned)*p);
                } else if (*p == 'k' && random_below(4) == 0) {
                        to += sprintf(to, "%%E2%%84%%AA"); /* Kelvin */
                } else if (*p == 's' && random_below(4) == 0) {
                        to += sprintf(to, "%%C5%%BF"); /* long s */
                } else {
                        *to++ = random_below(3) == 0 ? (char)(islower(*p) ? toupper(*p) : tolower(*p)) : *p;
                }
        }
        *to = '\0';
        switch (random_below(8)) {
        case 0:
                strcat(to, "%20");
                break;
        case 1:
                strcat(to, ".json");
                break;
        case 2:
                strcat(to, "%3Bv=1");
                break;
        default:
                break;
        }
}

/* Whatever spelling of a denied path gets past the check of the target, it is refused. */
static void no_spelling_gets_round_a_deny(void **state)
{
        const struct caller_identity caller = { .uid = 1, .has_groups = true };
        unsigned n_fine = 0;

        for (int i = 0; i < 200000; i++) {
                char rule[512] = "deny any get", target[1024] = "/production/rest/v1",
                     pattern[256] = "/rest/v1";
                char word[64], spelt[256];
                struct gateway_rules rules = { 0 };
                struct gateway_target checked;
                unsigned n = 1 + random_below(3);

                for (unsigned j = 0; j < n; j++) {
                        make_word(word);
                        respell(word, spelt);
                        strcat(pattern, "/");
                        strcat(pattern, random_below(4) == 0 ? "*" : word);
                        strcat(target, j > 0 && random_below(6) == 0 ? "%2f" : "/");
                        strcat(target, spelt);
                }
                strcat(pattern, random_below(6) == 0 ? "/**" : random_below(6) == 0 ? "/" : "");
                strcat(target, random_below(6) == 0 ? "/" : random_below(8) == 0 ? "%3Fx/y" : "");
                gateway_target_check(target, strlen(target), /* encoded_slash= */ true, &checked);
                if (checked.fault != GATEWAY_TARGET_FINE) {
                        continue;
                }
                n_fine++;
                (void)snprintf(rule, sizeof(rule), DENY "any GET %s", pattern);
                add(&rules, "allow any * /rest/v1/**", true);
                add(&rules, rule, true);
                if (gateway_rules_decide(&rules, NULL, &caller, random_below(2) ? "GET" : "Head",
                                         checked.path, checked.path_length, NULL)
                            .allowed) {
                        fail_msg("%s, %s", rule, target);
                }
                gateway_rules_clear(&rules);
        }
        assert_true(n_fine > 100000);
}

/* An allowed path is exactly the one that was written: one byte more, less or other, and it is not. */
static void an_allow_is_exact(void **state)
{
        static const char path[] = "/rest/v1/users/MAG1/keys";
        const struct caller_identity caller = { .uid = 1, .has_groups = true };
        struct gateway_rules rules = { 0 };
        char changed[sizeof(path) + 1];

        add(&rules, "allow any GET /rest/v1/users/MAG1/keys", true);
        assert_true(gateway_rules_decide(&rules, NULL, &caller, "GET", path, strlen(path), NULL).allowed);
        for (size_t i = 0; i < strlen(path); i++) {
                for (unsigned byte = 0; byte < 256; byte++) {
                        memcpy(changed, path, sizeof(path));
                        changed[i] = (char)byte;
                        assert_int_equal(gateway_rules_decide(&rules, NULL, &caller, "GET", changed,
                                                              strlen(path), NULL)
                                                 .allowed,
                                         changed[i] == path[i]);
                        memcpy(changed + i + 1, path + i, sizeof(path) - i);
                        assert_false(gateway_rules_decide(&rules, NULL, &caller, "GET", changed,
                                                          strlen(path) + 1, NULL)
                                             .allowed);
                }
                memcpy(changed, path, i);
                memcpy(changed + i, path + i + 1, sizeof(path) - i - 1);
                assert_false(
                        gateway_rules_decide(&rules, NULL, &caller, "GET", changed, strlen(path) - 1, NULL)
                                .allowed);
        }
        gateway_rules_clear(&rules);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(readings),
                cmocka_unit_test(no_spelling_gets_round_a_deny),
                cmocka_unit_test(an_allow_is_exact),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

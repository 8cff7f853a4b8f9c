/* Any rules and any request: the gateway's decision, against a second matcher that is as plain as can be.
 *
 * Input: a line of flags (e: encoded slashes, k: the request carries a local key, m: the account is known),
 * lines of rules ("allow any GET /rest/v1/a", "deny ...", "own GET /rest/v1/a" of the key), an empty line,
 * METHOD TARGET. */
#include "lib/gateway_pattern.h"
#include "lib/gateway_rule.h"
#include "lib/util.h"
#include "tests/fuzz/fuzz.h"

#include <ctype.h>

#define ACCOUNT  "MAG1"
#define PARTS    64
#define LINE_MAX 1024
#define RULES    8

/* ---- the plain matcher ---- */

struct parts {
        size_t n;
        char text[PARTS][LINE_MAX];
};

/* "/a//b/" is "", "a", "", "b", "": strtok() would not show that. */
static bool split(const char *text, struct parts *ret)
{
        ret->n = 0;
        do {
                size_t length = strcspn(text, "/");

                if (ret->n == PARTS || length >= LINE_MAX) {
                        return false;
                }
                memcpy(ret->text[ret->n], text, length);
                ret->text[ret->n++][length] = '\0';
                text += length;
        } while (*text++ == '/');
        return true;
}

static void leave_out_empty(struct parts *parts)
{
        size_t n = 0;

        for (size_t i = 0; i < parts->n; i++) {
                if (parts->text[i][0] != '\0') {
                        memmove(parts->text[n++], parts->text[i], LINE_MAX);
                }
        }
        parts->n = n;
}

/* Undoes percent-encoding, small letters, plus as blank. slash: the letters for %2F. cut: %3F and %23 end
 * it. */
static void read_as(const char *text, char *ret, char slash, bool cut)
{
        while (*text != '\0') {
                unsigned value = (unsigned char)*text;
                bool encoded = false;

                if (*text == '%' && isxdigit((unsigned char)text[1]) && isxdigit((unsigned char)text[2])) {
                        char digits[3] = { text[1], text[2], '\0' };

                        value = (unsigned)strtoul(digits, NULL, 16);
                        encoded = true;
                        text += 2;
                }
                text++;
                if (encoded && cut && (value == '?' || value == '#')) {
                        break;
                }
                if (value == '\\' || (encoded && value == '/')) {
                        *ret++ = slash;
                } else if (value == '+' || value < 0x20 || value == 0x7f) {
                        *ret++ = ' ';
                } else {
                        *ret++ = value < 0x80 ? (char)tolower((int)value) : (char)value;
                }
        }
        *ret = '\0';
}

/* Each character beyond ASCII is any number of characters, in both. */
static bool alike(const char *a, const char *b)
{
        if (*a == '\0' && *b == '\0') {
                return true;
        }
        if (*a & '\x80') {
                return alike(a + 1, b) || (*b != '\0' && alike(a, b + 1));
        }
        if (*b & '\x80') {
                return alike(a, b + 1) || (*a != '\0' && alike(a + 1, b));
        }
        return *a == *b && *a != '\0' && alike(a + 1, b + 1);
}

static void trim(char *text)
{
        size_t length;

        memmove(text, text + strspn(text, " "), strlen(text + strspn(text, " ")) + 1);
        for (length = strlen(text); length > 0 && text[length - 1] == ' '; length--) {
                text[length - 1] = '\0';
        }
}

static bool may_be(const char *segment, const char *word)
{
        char a[LINE_MAX], b[LINE_MAX];

        (void)snprintf(a, sizeof(a), "%s", segment);
        read_as(word, b, '\1', false);
        trim(a);
        trim(b);
        for (size_t n = strlen(a) + 1; n-- > 0;) {
                if (a[n] != '\0' && !strchr(".; ", a[n])) {
                        continue;
                }
                a[n] = '\0';
                if (alike(a, b)) {
                        return true;
                }
        }
        return false;
}

static bool deny_parts(const struct parts *pattern, size_t i, const struct parts *path, size_t j,
                       const char *account)
{
        if (i == pattern->n) {
                return j == path->n;
        }
        const char *word = pattern->text[i];

        if (streq(word, "**")) {
                return j == path->n ? deny_parts(pattern, i + 1, path, j, account)
                                    : deny_parts(pattern, i, path, j + 1, account);
        }
        if (j == path->n) {
                return false;
        }
        if (streq(word, "{mage_id}") && account) {
                word = account;
        } else if (streq(word, "*") || streq(word, "{mage_id}")) {
                return deny_parts(pattern, i + 1, path, j + 1, account);
        }
        return may_be(path->text[j], word) && deny_parts(pattern, i + 1, path, j + 1, account);
}

/* -1: too long for this matcher. */
static int deny_fits(const char *pattern, const char *path, const char *account)
{
        static struct parts words, parts;
        static char text[LINE_MAX];

        for (int how = 0; how < 4; how++) {
                read_as(path, text, how & 1 ? '/' : '\1', how & 2);
                if (!split(pattern, &words) || !split(text, &parts)) {
                        return -1;
                }
                leave_out_empty(&words);
                leave_out_empty(&parts);
                if (deny_parts(&words, 0, &parts, 0, account)) {
                        return 1;
                }
        }
        return 0;
}

static bool allow_parts(const struct parts *pattern, size_t i, const struct parts *path, size_t j,
                        const char *account)
{
        if (i == pattern->n) {
                return j == path->n;
        }
        const char *word = pattern->text[i];

        if (streq(word, "**")) {
                return allow_parts(pattern, i + 1, path, j, account) ||
                       (j < path->n && allow_parts(pattern, i, path, j + 1, account));
        }
        if (j == path->n) {
                return false;
        }
        if (streq(word, "*")) {
                return path->text[j][0] != '\0' && allow_parts(pattern, i + 1, path, j + 1, account);
        }
        if (streq(word, "{mage_id}")) {
                word = account;
        }
        return word && streq(word, path->text[j]) && allow_parts(pattern, i + 1, path, j + 1, account);
}

static int allow_fits(const char *pattern, const char *path, const char *account)
{
        static struct parts words, parts;

        if (!split(pattern, &words) || !split(path, &parts)) {
                return -1;
        }
        return allow_parts(&words, 0, &parts, 0, account);
}

static bool method_fits(const struct gateway_rule *rule, const char *method)
{
        char list[2 * GATEWAY_METHODS_MAX + 16], wanted[64];

        if (streq(rule->methods, "*")) {
                return true;
        }
        (void)snprintf(list, sizeof(list), ",%s,", rule->methods);
        if (strstr(list, ",GET,")) {
                (void)snprintf(list, sizeof(list), ",%s,HEAD,", rule->methods);
        }
        (void)snprintf(wanted, sizeof(wanted), ",%s,", method);
        return rule->deny ? strcasestr(list, wanted) != NULL : strstr(list, wanted) != NULL;
}

/* ---- the target ---- */

/* Signs that no path that is passed on may have, looked for again. */
static void check_path(const char *path, bool encoded_slash)
{
        char text[LINE_MAX];

        must(strncmp(path, GATEWAY_PREFIX, strlen(GATEWAY_PREFIX)) == 0);
        must(!strstr(path, "//") && !strpbrk(path, "\\;#"));
        for (const char *p = path; *p != '\0'; p++) {
                must(*p > 0x20 && *p < 0x7f);
                if (*p == '%') {
                        must(isxdigit((unsigned char)p[1]) && isxdigit((unsigned char)p[2]));
                        must(encoded_slash || strncasecmp(p, "%2f", 3) != 0);
                        must(strncasecmp(p, "%5c", 3) != 0 && strncasecmp(p, "%2e", 3) != 0);
                        must(strncmp(p, "%25", 3) != 0 && p[1] > '1');
                }
        }
        read_as(path, text, '/', false);
        must(!strstr(text, "//") && !strstr(text, "/./") && !strstr(text, "/../"));
        must(!(strlen(text) >= 2 && streq(text + strlen(text) - 2, "/.")));
        must(!(strlen(text) >= 3 && streq(text + strlen(text) - 3, "/..")));
        must(strncmp(text, GATEWAY_PREFIX "app/session", strlen(GATEWAY_PREFIX "app/session")) != 0);
}

/* ---- the input ---- */

struct input {
        bool encoded_slash, with_key, with_account;
        struct gateway_rules rules, own;
        char method[32], target[LINE_MAX];
};

static void take_rule(struct input *input, const char *line)
{
        bool own = strncmp(line, "own ", 4) == 0, deny = strncmp(line, "deny ", 5) == 0;
        struct gateway_rules *rules = own ? &input->own : &input->rules;
        struct gateway_rule rule = { .deny = deny }, again = { .deny = deny };
        char text[GATEWAY_RULE_TEXT_MAX];
        const char *why = NULL;

        if (!own && !deny && strncmp(line, "allow ", 6) != 0) {
                return;
        }
        if (gateway_rule_parse(line + (own ? 4 : deny ? 5 : 6), !own, &rule, &why) < 0) {
                must(why);
                return;
        }
        must(gateway_rule_valid(&rule));
        must(gateway_rule_covers(&rule, &rule) || rule.who.kind == ACCESS_RULE_LOCAL);
        must(gateway_rule_parse(gateway_rule_format(&rule, !own, text), !own, &again, &why) == 0);
        must(streq(rule.methods, again.methods) && streq(rule.pattern, again.pattern));
        if (rules->n < RULES) {
                must(gateway_rules_add(rules, &rule) == 0);
        }
}

static bool take_input(struct input *ret, const uint8_t *data, size_t size)
{
        _cleanup_free_ char *text = strndup((const char *)data, size);
        char *line = text;
        bool first = true;

        must(text);
        for (char *next; line && *line != '\0'; line = next, first = false) {
                next = strchr(line, '\n');
                if (next) {
                        *next++ = '\0';
                }
                if (*line == '\0' && !first) {
                        return next && strcspn(next, " ") < sizeof(ret->method) && strlen(next) < LINE_MAX &&
                               sscanf(next, "%31s %1023[^\n]", ret->method, ret->target) == 2;
                }
                if (first) {
                        ret->encoded_slash = strchr(line, 'e');
                        ret->with_key = strchr(line, 'k');
                        ret->with_account = strchr(line, 'm');
                } else {
                        take_rule(ret, line);
                }
        }
        return false;
}

/* ---- both ---- */

static bool is_ascii(const char *path)
{
        for (; *path != '\0'; path++) {
                if (*path == '%' && path[1] >= '8') {
                        return false;
                }
        }
        return true;
}

static const struct gateway_rule *find_allow(const struct gateway_rules *rules, const struct input *input,
                                             const struct caller_identity *caller, bool own,
                                             const char *path, bool *ret_too_long)
{
        for (size_t i = 0; i < rules->n; i++) {
                const struct gateway_rule *rule = &rules->rules[i];
                bool counts = own || (rule->who.kind == ACCESS_RULE_LOCAL) == input->with_key;

                if (!rule->deny && counts && access_rule_fits(&rule->who, caller) &&
                    method_fits(rule, input->method)) {
                        int fits = allow_fits(rule->pattern, path, input->with_account ? ACCOUNT : NULL);

                        *ret_too_long = *ret_too_long || fits < 0;
                        if (fits != 0) {
                                return rule;
                        }
                }
        }
        return NULL;
}

static void compare(const struct input *input, const char *path)
{
        const char *account = input->with_account ? ACCOUNT : NULL;
        const struct caller_identity caller = {
                .uid = 1, .gid = 1, .has_groups = true, .local = input->with_key ? "k" : NULL
        };
        struct gateway_decision decision =
                gateway_rules_decide(&input->rules, input->with_key ? &input->own : NULL, &caller,
                                     input->method, path, strlen(path), account);
        const struct gateway_rule *allow = NULL;
        bool denied = false, too_long = false;

        for (size_t i = 0; i < input->rules.n; i++) {
                const struct gateway_rule *rule = &input->rules.rules[i];
                bool named = rule->who.kind == ACCESS_RULE_USER || rule->who.kind == ACCESS_RULE_GROUP;

                if (rule->deny && (named || access_rule_fits(&rule->who, &caller)) &&
                    method_fits(rule, input->method)) {
                        int fits = deny_fits(rule->pattern, path, account);

                        too_long = too_long || fits < 0;
                        denied = denied || fits > 0;
                }
        }
        if (input->with_key) {
                allow = find_allow(&input->own, input, &caller, true, path, &too_long);
        }
        allow = allow ? allow : find_allow(&input->rules, input, &caller, false, path, &too_long);
        if (too_long) {
                return;
        }

        must(!decision.allowed || (decision.rule && !decision.rule->deny));
        must(!denied || !decision.allowed);
        if (decision.allowed) {
                must(decision.rule == allow);
        } else if (!denied && is_ascii(path)) {
                must(!allow || (decision.rule && decision.rule->deny && !is_ascii(decision.rule->pattern)));
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct input input = { 0 };
        struct gateway_target target;

        if (take_input(&input, data, size)) {
                (void)gateway_method_valid(input.method);
                gateway_target_check(input.target, strlen(input.target), input.encoded_slash, &target);
                must((target.fault == GATEWAY_TARGET_FINE) == !target.why);
                if (target.fault == GATEWAY_TARGET_FINE) {
                        _cleanup_free_ char *path = strndup(target.path, target.path_length);

                        must(path);
                        check_path(path, input.encoded_slash);
                        compare(&input, path);
                }
        }
        gateway_rules_clear(&input.rules);
        gateway_rules_clear(&input.own);
        return 0;
}

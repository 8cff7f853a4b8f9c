/* Remarks on local keys and the gateway's rules.
 *
 * A rule that nothing reaches is harmless as it stands, and says that somebody believes something else of
 * these settings. Rules count in the order in which they decide: denies, then those of a local key, then the
 * others. */
#include "lib/gateway_remark.h"

#include "lib/end_date.h"
#include "lib/gateway_target.h"
#include "lib/util.h"

#include <stdarg.h>
#include <stdio.h>

struct remarks {
        const struct settings *settings;
        const struct environment_settings *environment;
        gateway_remark_fn tell;
        void *userdata;
};

_printf_(3, 4) static void say(const struct remarks *remarks, const char *place, const char *format, ...)
{
        char text[GATEWAY_REMARK_MAX], words[GATEWAY_REMARK_MAX - GATEWAY_PLACE_MAX - 3];
        va_list arguments;

        va_start(arguments, format);
        (void)vsnprintf(words, sizeof(words), format, arguments);
        va_end(arguments);
        (void)snprintf(text, sizeof(text), "%.*s: %s", GATEWAY_PLACE_MAX, place, words);
        remarks->tell(remarks->environment->name, text, remarks->userdata);
}

/* ---- rules ---- */

static const char *verb_of(const struct gateway_rule *rule)
{
        return rule->deny ? "deny" : "allow";
}

/* The first of these rules that counts before this one and fits whatever it fits; NULL: none does. deny:
 * only denies are looked at, else only allows. */
static const struct gateway_rule *find_cover(const struct gateway_rule *rules, size_t n, bool deny,
                                             const struct gateway_rule *rule)
{
        for (size_t i = 0; i < n; i++) {
                if (rules[i].deny == deny && gateway_rule_covers(&rules[i], rule)) {
                        return &rules[i];
                }
        }
        return NULL;
}

/* A key's own rule, as one that [gateway] has for that key. */
static struct gateway_rule for_key(const struct gateway_rule *rule, const struct local_key *key)
{
        struct gateway_rule made = *rule;

        made.who = (struct access_rule){ .kind = ACCESS_RULE_LOCAL, .resolved = true };
        memcpy(made.who.name, key->name, sizeof(key->name));
        return made;
}

static const struct gateway_rule *find_key_cover(const struct local_key *key, size_t n,
                                                 const struct gateway_rule *rule)
{
        for (size_t i = 0; i < n; i++) {
                const struct gateway_rule made = for_key(&key->rules.rules[i], key);

                if (gateway_rule_covers(&made, rule)) {
                        return &key->rules.rules[i];
                }
        }
        return NULL;
}

static void say_covered(const struct remarks *remarks, const struct gateway_rule *rule, bool with_who,
                        const struct gateway_rule *cover)
{
        char text[GATEWAY_RULE_TEXT_MAX];

        if (!cover) {
                return;
        }
        say(remarks, rule->place,
            "%s = %s: nothing reaches this rule, as %s at %s decides before it: leave one of "
            "the two out, or narrow the other",
            verb_of(rule), gateway_rule_format(rule, with_who, text), verb_of(cover), cover->place);
}

/* The upstream's token endpoint is never passed on, so a rule about it says nothing. */
static bool say_session(const struct remarks *remarks, const struct gateway_rule *rule, bool with_who)
{
        static const char session[] = GATEWAY_PREFIX "app/session";
        char text[GATEWAY_RULE_TEXT_MAX];

        if (strncmp(rule->pattern, session, strlen(session)) != 0) {
                return false;
        }
        say(remarks, rule->place,
            "%s = %s: nothing reaches this rule, as the upstream's token endpoint is never "
            "passed on; the broker's own needs no rule: leave it out",
            verb_of(rule), gateway_rule_format(rule, with_who, text));
        return true;
}

/* ---- [gateway ENVIRONMENT] ---- */

/* Whose section is this rule for? NULL: for no local key, or for one that there is not, which is said. */
static const struct local_key *key_of(const struct remarks *remarks, const struct gateway_rule *rule)
{
        const struct local_key *key;

        if (rule->who.kind != ACCESS_RULE_LOCAL) {
                return NULL;
        }
        key = settings_local_key(remarks->settings, rule->who.name);
        if (!key) {
                say(remarks, rule->place,
                    "there is no local key %s: the rule says nothing until there is a section "
                    "[local %s]",
                    rule->who.name, rule->who.name);
        } else if (!streq(key->environment, remarks->environment->name)) {
                say(remarks, rule->place,
                    "local key %s is for %s, not for %s: the rule says nothing; write it into "
                    "[gateway %s]",
                    rule->who.name, key->environment, remarks->environment->name, key->environment);
                key = NULL;
        }
        return key;
}

static void remark_rules(const struct remarks *remarks)
{
        const struct gateway_rules *rules = &remarks->environment->gateway_rules;

        if (rules->n > 0 && !remarks->environment->gateway) {
                say(remarks, rules->rules[0].place,
                    "[gateway %s] has rules, and the gateway is off: set gateway = yes in [environment %s], "
                    "or "
                    "leave them out",
                    remarks->environment->name, remarks->environment->name);
        }
        for (size_t i = 0; i < rules->n; i++) {
                const struct gateway_rule *rule = &rules->rules[i], *cover;
                const struct local_key *key = key_of(remarks, rule);

                if (say_session(remarks, rule, /* with_who= */ true)) {
                        continue;
                }
                if (rule->deny) {
                        cover = find_cover(rules->rules, i, true, rule);
                } else {
                        cover = find_cover(rules->rules, rules->n, true, rule);
                        cover = cover || !key ? cover : find_key_cover(key, key->rules.n, rule);
                        cover = cover ? cover : find_cover(rules->rules, i, false, rule);
                }
                say_covered(remarks, rule, /* with_who= */ true, cover);
        }
}

/* ---- [local NAME] ---- */

static bool has_rule(const struct remarks *remarks, const struct local_key *key)
{
        const struct gateway_rules *rules = &remarks->environment->gateway_rules;

        for (size_t i = 0; i < rules->n; i++) {
                if (!rules->rules[i].deny && rules->rules[i].who.kind == ACCESS_RULE_LOCAL &&
                    streq(rules->rules[i].who.name, key->name)) {
                        return true;
                }
        }
        return key->rules.n > 0;
}

static void remark_key(const struct remarks *remarks, const struct local_key *key, int64_t wall_now_sec)
{
        const struct gateway_rules *rules = &remarks->environment->gateway_rules;
        char date[END_DATE_TEXT_MAX];

        if (key->expires_sec != 0 && wall_now_sec >= key->expires_sec) {
                say(remarks, key->place,
                    "local key %s has expired (expires = %s) and opens nothing: set a later "
                    "date, or remove it with: eqpctl local remove %s",
                    key->name, end_date_format(key->expires_sec, date), key->name);
        }
        if (!remarks->environment->gateway && (!key->real || key->rules.n > 0)) {
                say(remarks, key->place,
                    "%s local key %s %s while the gateway is off: set gateway = yes in "
                    "[environment %s]",
                    key->real ? "the rules of" : "the tokens of", key->name,
                    key->real ? "say nothing" : "open nothing", remarks->environment->name);
        } else if (!key->real && !has_rule(remarks, key)) {
                say(remarks, key->place,
                    "local key %s has no rule and opens nothing: write allow = METHODS "
                    "PATTERN, such as allow = GET /rest/v1/reports/**",
                    key->name);
        }
        for (size_t i = 0; i < key->rules.n; i++) {
                const struct gateway_rule *rule = &key->rules.rules[i];
                const struct gateway_rule made = for_key(rule, key);
                const struct gateway_rule *cover = find_cover(rules->rules, rules->n, true, &made);

                if (!say_session(remarks, rule, /* with_who= */ false)) {
                        say_covered(remarks, rule, /* with_who= */ false,
                                    cover ? cover : find_key_cover(key, i, &made));
                }
        }
}

void gateway_remarks(const struct settings *settings, int64_t wall_now_sec, gateway_remark_fn tell,
                     void *userdata)
{
        struct remarks remarks = { .settings = settings, .tell = tell, .userdata = userdata };

        for (size_t i = 0; i < settings->n_environments; i++) {
                remarks.environment = &settings->environments[i];
                remark_rules(&remarks);
        }
        for (size_t i = 0; i < settings->n_local_keys; i++) {
                remarks.environment = settings_environment(settings, settings->local_keys[i].environment);
                remark_key(&remarks, &settings->local_keys[i], wall_now_sec);
        }
}

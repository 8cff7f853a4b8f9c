/* What a caller may do, judged by the rules of the settings. */
#include "daemon/access.h"

#include "lib/util.h"

#include <assert.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

static_assert(SETTINGS_ENVIRONMENTS_MAX <= 32, "a bit per environment");

/* Sets the rule's id from the user database. -ENOENT: there is no such name. Other negative errno: the user
 * database does not tell. Then even an optional rule is no rule to go without, if the reason is ours and
 * passes: it would stay unresolved until the next reload. */
static int resolve_rule(struct access_rule *rule)
{
        errno = 0;
        if (rule->kind == ACCESS_RULE_USER) {
                const struct passwd *user = getpwnam(rule->name);
                if (user) {
                        rule->id = user->pw_uid;
                        rule->resolved = true;
                }
        } else if (rule->kind == ACCESS_RULE_GROUP) {
                const struct group *group = getgrnam(rule->name);
                if (group) {
                        rule->id = group->gr_gid;
                        rule->resolved = true;
                }
        } else {
                rule->resolved = true;
        }
        int error = errno;
        if (rule->resolved || (rule->optional && !is_shortage(error))) {
                return 0;
        }
        /* What getpwnam(3) lists as ways to say "no such name". */
        bool unknown = error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM;
        return unknown ? -ENOENT : -error;
}

/* Why a name was not resolved. before: "user:" or "group:", or "". */
static void explain(const struct access_rule *rule, const char *section, const char *key, const char *before,
                    int error, char message[static SETTINGS_ERROR_MAX])
{
        const char *kind = rule->kind == ACCESS_RULE_USER ? "user" : "group";

        if (error == -ENOENT) {
                (void)snprintf(message, SETTINGS_ERROR_MAX,
                               "[%s] %s = %s%s: there is no such %s on this host: create it, or correct the "
                               "name",
                               section, key, before, rule->name, kind);
        } else {
                (void)snprintf(message, SETTINGS_ERROR_MAX,
                               "[%s] %s = %s%s: the user database does not tell whether there is such a %s: "
                               "%s",
                               section, key, before, rule->name, kind, strerror(-error));
        }
}

static int resolve_rules(struct access_rules *rules, const char *list, const char *section,
                         char reterr_message[static SETTINGS_ERROR_MAX])
{
        for (size_t i = 0; i < rules->n; i++) {
                struct access_rule *rule = &rules->rules[i];
                int r = resolve_rule(rule);
                if (r < 0) {
                        explain(rule, section, list, rule->kind == ACCESS_RULE_USER ? "user:" : "group:", r,
                                reterr_message);
                        return r;
                }
        }
        return 0;
}

static bool is_default_allow(const struct access_rules *rules)
{
        for (size_t i = 0; i < rules->n; i++) {
                if (rules->rules[i].optional) {
                        return true;
                }
        }
        return false;
}

static bool is_default_operators(const struct access_rules *rules)
{
        return rules->n == 1 && rules->rules[0].kind == ACCESS_RULE_UID && rules->rules[0].id == 0;
}

int access_resolve(struct settings *settings, char reterr_message[static SETTINGS_ERROR_MAX])
{
        int r = settings->has_socket_group ? resolve_rule(&settings->socket_group) : 0;

        if (r < 0) {
                explain(&settings->socket_group, "broker", "socket_group", "", r, reterr_message);
                return r;
        }
        r = resolve_rules(&settings->allow, "allow", "broker", reterr_message);
        if (r >= 0) {
                r = resolve_rules(&settings->operators, "operators", "broker", reterr_message);
        }
        for (size_t i = 0; r >= 0 && i < settings->n_environments; i++) {
                struct environment_settings *environment = &settings->environments[i];
                char section[64];
                (void)snprintf(section, sizeof(section), "environment %s", environment->name);
                r = resolve_rules(&environment->allow, "allow", section, reterr_message);
                if (r >= 0) {
                        r = resolve_rules(&environment->operators, "operators", section, reterr_message);
                }
        }
        return r;
}

static const struct access_rules *rules_of(const struct settings *settings, size_t i, bool operators)
{
        const struct environment_settings *environment = &settings->environments[i];

        if (operators) {
                return environment->has_operators ? &environment->operators : &settings->operators;
        }
        return environment->has_allow ? &environment->allow : &settings->allow;
}

static struct caller_identity identity_of(const struct peer *peer)
{
        return (struct caller_identity){ .uid = peer->uid,
                                         .gid = peer->gid,
                                         .has_groups = peer->has_groups,
                                         .groups = peer->groups,
                                         .n_groups = peer->n_groups };
}

/* Where the default lists stand, the daemon's own user counts as listed. He is no rule, as --check would
 * print him as one, and whoever keeps what it prints would allow him for ever. */
static bool is_own_by_default(const struct settings *settings, const struct access_rules *rules,
                              const struct caller_identity *caller)
{
        return caller->uid == geteuid() && ((rules == &settings->allow && is_default_allow(rules)) ||
                                            (rules == &settings->operators && is_default_operators(rules)));
}

static bool allows(const struct settings *settings, size_t i, bool operators,
                   const struct caller_identity *caller)
{
        const struct access_rules *rules = rules_of(settings, i, operators);
        return access_rules_allow(rules, caller) || is_own_by_default(settings, rules, caller);
}

static bool allows_reload(const struct settings *settings, const struct caller_identity *caller)
{
        return caller->uid == 0 || caller->uid == geteuid() ||
               access_rules_allow(&settings->operators, caller);
}

static bool needs_groups(const struct settings *settings, size_t i, bool operators,
                         const struct caller_identity *caller)
{
        return !allows(settings, i, operators, caller) &&
               access_rules_need_groups(rules_of(settings, i, operators), caller);
}

struct access_rights access_judge(const struct settings *settings, const struct peer *peer)
{
        const struct caller_identity caller = identity_of(peer);
        struct access_rights rights = { 0 };

        for (size_t i = 0; peer->known && i < settings->n_environments; i++) {
                if (allows(settings, i, false, &caller)) {
                        rights.use |= UINT32_C(1) << i;
                }
                if (allows(settings, i, true, &caller)) {
                        rights.operate |= UINT32_C(1) << i;
                }
        }
        rights.reload = peer->known && allows_reload(settings, &caller);
        return rights;
}

uint32_t access_judge_unit(const struct settings *settings, const char *unit)
{
        uint32_t use = 0;

        for (size_t i = 0; i < settings->n_environments; i++) {
                if (access_rules_allow_unit(rules_of(settings, i, /* operators= */ false), unit)) {
                        use |= UINT32_C(1) << i;
                }
        }
        return use;
}

bool access_needs_groups(const struct settings *settings, const struct peer *peer)
{
        /* Those that he had when he was judged last may be his no more. */
        const struct caller_identity caller = { .uid = peer->uid, .gid = (gid_t)-1 };

        for (size_t i = 0; peer->known && i < settings->n_environments; i++) {
                if (needs_groups(settings, i, false, &caller) || needs_groups(settings, i, true, &caller)) {
                        return true;
                }
        }
        return peer->known && !allows_reload(settings, &caller) &&
               access_rules_need_groups(&settings->operators, &caller);
}

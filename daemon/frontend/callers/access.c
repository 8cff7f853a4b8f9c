/* A caller's rights, judged by the rules of the settings. */
#include "daemon/frontend/callers/access.h"

#include "lib/util.h"

#include <assert.h>

static_assert(SETTINGS_ENVIRONMENTS_MAX <= 32, "a bit per environment");

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

static const struct access_rules *rules_of(const struct access_settings *settings, size_t i, bool operators)
{
        const struct access_environment *environment = &settings->environments[i];

        if (operators) {
                return environment->has_operators ? &environment->operators : &settings->operators;
        }
        return environment->has_allow ? &environment->allow : &settings->allow;
}

static struct caller_identity identity_of(const struct peer *peer, const struct access_membership *groups)
{
        return (struct caller_identity){ .uid = peer->uid,
                                         .gid = peer->gid,
                                         .has_groups = groups->known,
                                         .groups = groups->ids,
                                         .n_groups = groups->n,
                                         .unit = groups->unit };
}

/* Where the default lists stand, the daemon's own user counts as listed. That user is no rule, as --check
 * would print it as one, and a kept copy of its output would allow that user for ever. */
static bool is_own_by_default(const struct access_settings *settings, const struct access_rules *rules,
                              const struct caller_identity *caller)
{
        return caller->uid == settings->own_uid &&
               ((rules == &settings->allow && is_default_allow(rules)) ||
                (rules == &settings->operators && is_default_operators(rules)));
}

static bool allows(const struct access_settings *settings, size_t i, bool operators,
                   const struct caller_identity *caller)
{
        const struct access_rules *rules = rules_of(settings, i, operators);
        return access_rules_allow(rules, caller) || is_own_by_default(settings, rules, caller);
}

static bool allows_reload(const struct access_settings *settings, const struct caller_identity *caller)
{
        return caller->uid == 0 || caller->uid == settings->own_uid ||
               access_rules_allow(&settings->operators, caller);
}

static bool needs_groups(const struct access_settings *settings, size_t i, bool operators,
                         const struct caller_identity *caller)
{
        return !allows(settings, i, operators, caller) &&
               access_rules_need_groups(rules_of(settings, i, operators), caller);
}

struct access_rights access_judge(const struct access_settings *settings, const struct peer *peer,
                                  const struct access_membership *groups)
{
        const struct caller_identity caller = identity_of(peer, groups);
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

uint32_t access_judge_unit(const struct access_settings *settings, const char *unit)
{
        uint32_t use = 0;

        for (size_t i = 0; i < settings->n_environments; i++) {
                if (access_rules_allow_unit(rules_of(settings, i, /* operators= */ false), unit)) {
                        use |= UINT32_C(1) << i;
                }
        }
        return use;
}

uint32_t access_judge_local(const struct access_settings *settings, const char *key)
{
        uint32_t use = 0;

        for (size_t i = 0; i < settings->n_environments; i++) {
                const struct access_rules *rules = &settings->environments[i].allow;
                for (size_t j = 0; settings->environments[i].has_allow && j < rules->n; j++) {
                        if (rules->rules[j].kind == ACCESS_RULE_LOCAL && streq(rules->rules[j].name, key)) {
                                use |= UINT32_C(1) << i;
                        }
                }
        }
        return use;
}

static bool needs_names(const struct access_rules *rules, const struct access_settings *settings,
                        const struct caller_identity *caller)
{
        return !is_own_by_default(settings, rules, caller) && access_rules_need_names(rules, caller);
}

bool access_needs_names(const struct access_settings *settings, const struct peer *peer,
                        const struct access_membership *groups)
{
        const struct caller_identity caller = identity_of(peer, groups);

        if (!peer->known) {
                return false;
        }
        if (settings->names_beyond || (settings->socket_group_by_name && !peer->tcp && caller.uid != 0)) {
                return true;
        }
        for (size_t i = 0; i < settings->n_environments; i++) {
                if (needs_names(rules_of(settings, i, false), settings, &caller) ||
                    needs_names(rules_of(settings, i, true), settings, &caller)) {
                        return true;
                }
        }
        return caller.uid != 0 && caller.uid != settings->own_uid &&
               access_rules_need_names(&settings->operators, &caller);
}

bool access_needs_groups(const struct access_settings *settings, const struct peer *peer)
{
        const struct caller_identity caller = { .uid = peer->uid, .gid = (gid_t)-1 };

        if (peer->known && settings->groups_beyond) {
                return true;
        }
        for (size_t i = 0; peer->known && i < settings->n_environments; i++) {
                if (needs_groups(settings, i, false, &caller) || needs_groups(settings, i, true, &caller)) {
                        return true;
                }
        }
        return peer->known && !allows_reload(settings, &caller) &&
               access_rules_need_groups(&settings->operators, &caller);
}

bool access_needs_unit(const struct access_settings *settings, const struct peer *peer,
                       const struct access_membership *groups)
{
        const struct caller_identity caller = identity_of(peer, groups);

        for (size_t i = 0; peer->known && !peer->tcp && i < settings->n_environments; i++) {
                if (!allows(settings, i, /* operators= */ false, &caller) &&
                    access_rules_need_unit(rules_of(settings, i, /* operators= */ false), &caller)) {
                        return true;
                }
        }
        return false;
}

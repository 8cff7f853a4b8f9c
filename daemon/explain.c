/* --explain; see the header. It decides as the frontend does, by the same functions, for a caller that is
 * made up: a user with the groups that the user database knows, a member of one group, or a holder of a
 * local key. */
#include "daemon/explain.h"

#include "daemon/base/clock.h"
#include "daemon/base/journal.h"
#include "daemon/keeper/rule_answers.h"
#include "lib/end_date.h"
#include "lib/gateway_spelling.h"
#include "lib/util.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>

#define GROUPS_MAX 65536

/* The caller, and all that was found out. */
struct story {
        const struct explain_request *request;
        const struct environment_settings *environment;
        const struct local_key *key; /* NULL: none is carried */
        const char *account;         /* NULL: not known */
        struct caller_identity caller;
        gid_t *groups;
        char *raw; /* the target */
        struct gateway_target target;
};

static void story_clear(struct story *story)
{
        free(story->groups);
        free(story->raw);
}

_printf_(1, 2) static int fail(const char *format, ...)
{
        char words[1024];
        va_list arguments;

        va_start(arguments, format);
        (void)vsnprintf(words, sizeof(words), format, arguments);
        va_end(arguments);
        journal_say(&(struct journal_record){ .priority = LOG_ERR }, "%s", words);
        return BROKER_EXIT_CONFIGURATION;
}

static int fail_memory(void)
{
        (void)fail("out of memory");
        return BROKER_EXIT_INTERNAL;
}

/* ---- the caller ---- */

/* There is no such user or group, or (errno) the user database does not say. */
static int fail_without(const struct story *story, const char *kind, int error)
{
        return error == 0 ? fail("%s: there is no such %s on this host: correct the name",
                                 story->request->who, kind)
                          : fail("%s: the user database does not say whether there is such a %s: %s",
                                 story->request->who, kind, strerror(error));
}

/* The groups that the user is a member of, by the user database. */
static int take_groups(struct story *story, const char *name, gid_t gid)
{
        int n = 64;

        for (;;) {
                int wanted = n;
                gid_t *grown = reallocarray(story->groups, (size_t)n, sizeof(*grown));

                if (!grown) {
                        return fail_memory();
                }
                story->groups = grown;
                if (getgrouplist(name, gid, grown, &wanted) >= 0) {
                        story->caller.groups = grown;
                        story->caller.n_groups = (size_t)wanted;
                        return 0;
                }
                if (n >= GROUPS_MAX) {
                        return fail("%s is a member of too many groups", story->request->who);
                }
                n = MIN_OF(MAX_OF(wanted, 2 * n), GROUPS_MAX);
        }
}

static int take_user(struct story *story, const struct access_rule *who)
{
        errno = 0;
        const struct passwd *user = who->kind == ACCESS_RULE_USER ? getpwnam(who->name) : getpwuid(who->id);

        if (!user && (errno != 0 || who->kind == ACCESS_RULE_USER)) {
                return fail_without(story, "user", errno);
        }
        story->caller.uid = user ? user->pw_uid : who->id;
        if (!user) {
                return 0; /* a number may have no name, and no groups then */
        }
        story->caller.gid = user->pw_gid;
        return take_groups(story, user->pw_name, user->pw_gid);
}

static int take_group(struct story *story, const struct access_rule *who)
{
        errno = 0;
        const struct group *group = who->kind == ACCESS_RULE_GROUP ? getgrnam(who->name) : NULL;

        if (!group && who->kind == ACCESS_RULE_GROUP) {
                return fail_without(story, "group", errno);
        }
        story->caller.gid = group ? group->gr_gid : who->id;
        return 0;
}

static int take_key(struct story *story, const struct settings *settings, const struct access_rule *who)
{
        story->key = settings_local_key(settings, who->name);
        if (!story->key) {
                return fail(
                        "%s: there is no such local key: correct the name, or see the sections [local NAME] "
                        "that eqp-brokerd --check prints",
                        story->request->who);
        }
        story->caller.local = story->key->name;
        return 0;
}

/* A caller that is no user has a number that no rule names. */
static int take_caller(struct story *story, const struct settings *settings)
{
        struct access_rule who;
        const char *why = NULL;

        story->caller = (struct caller_identity){ .uid = (uid_t)-1, .gid = (gid_t)-1, .has_groups = true };
        if (access_rule_parse(story->request->who, &who, &why) < 0 || who.kind == ACCESS_RULE_UNIT) {
                return fail("%s is not a caller: write user:NAME, uid:NUMBER, group:NAME, "
                            "gid:NUMBER, any "
                            "or local:NAME",
                            story->request->who);
        }
        switch (who.kind) {
        case ACCESS_RULE_USER:
        case ACCESS_RULE_UID:
                return take_user(story, &who);
        case ACCESS_RULE_GROUP:
        case ACCESS_RULE_GID:
                return take_group(story, &who);
        case ACCESS_RULE_LOCAL:
                return take_key(story, settings, &who);
        default:
                return 0;
        }
}

/* ---- the request ---- */

static int take_target(struct story *story)
{
        const char *path = story->request->path, *environment = story->environment->name;
        size_t length = strlen(environment);
        bool whole =
                path[0] == '/' && strncmp(path + 1, environment, length) == 0 && path[length + 1] == '/';

        if (path[0] != '/') {
                return fail("%s is no path: write it as /rest/v1/reports, from its first slash on", path);
        }
        if (asprintf(&story->raw, "%s%s%s", whole ? "" : "/", whole ? "" : environment, path) < 0) {
                story->raw = NULL;
                return fail_memory();
        }
        gateway_target_check(story->raw, strlen(story->raw), story->environment->encoded_slash,
                             &story->target);
        return 0;
}

/* ---- the numbers of names ---- */

static int look_up_names(struct settings *settings)
{
        struct rule_answers *answers = NULL;

        if (rule_answers_new(&answers, settings, NULL) < 0) {
                return fail_memory();
        }
        for (size_t i = 0; i < answers->n; i++) {
                rule_answer_look_up(&answers->list[i]);
        }
        rule_answers_apply(answers, settings);
        (void)rule_answers_free(answers);
        return 0;
}

/* ---- the verdict ---- */

static struct gateway_decision decide(const struct story *story, const char *account)
{
        return gateway_rules_decide(
                &story->environment->gateway_rules, story->key ? &story->key->rules : NULL, &story->caller,
                story->request->method, story->target.path, story->target.path_length, account);
}

/* The reason why this local key opens nothing, as text; false: there is none. */
static bool key_is_no_good(const struct story *story, char *text, size_t size)
{
        const struct local_key *key = story->key;
        char date[END_DATE_TEXT_MAX];

        if (key && !streq(key->environment, story->environment->name)) {
                (void)snprintf(text, size, "%s: local key %s is for %s", key->place, key->name,
                               key->environment);
                return true;
        }
        if (key && key->expires_sec != 0 && clock_wall_sec() >= key->expires_sec) {
                (void)snprintf(text, size, "%s: local key %s has expired (expires = %s)", key->place,
                               key->name, end_date_format(key->expires_sec, date));
                return true;
        }
        return false;
}

/* Some rule may speak of the account, which is not known: would any make a difference? */
static void say_account(const struct story *story)
{
        const struct gateway_decision without = decide(story, NULL);
        struct gateway_segment segment;

        for (size_t place = 0;
             gateway_segment_next(&segment, story->target.path, story->target.path_length, &place);) {
                _cleanup_free_ char *account = strndup(segment.text, segment.length);

                if (account && decide(story, account).allowed != without.allowed) {
                        journal_say(&(struct journal_record){ .priority = LOG_NOTICE },
                                    "with the account %s it would be %s: set account in [environment %s], "
                                    "or name "
                                    "it with --account",
                                    account, without.allowed ? "refused" : "allowed",
                                    story->environment->name);
                        return;
                }
        }
}

static void print_decision(const struct story *story, const char *verdict_prefix,
                           const struct gateway_decision *decision)
{
        const struct gateway_rule *rule = decision->rule;
        char text[GATEWAY_RULE_TEXT_MAX];
        bool own;

        if (!rule) {
                (void)printf("%srefused: no rule of [gateway %s]%s%s%s fits\n", verdict_prefix,
                             story->environment->name, story->key ? " or [local " : "",
                             story->key ? story->key->name : "", story->key ? "]" : "");
                return;
        }
        own = story->key && rule >= story->key->rules.rules &&
              rule < story->key->rules.rules + story->key->rules.n;
        (void)printf("%s%s: %s: %s = %s\n", verdict_prefix, decision->allowed ? "allowed" : "refused",
                     rule->place, rule->deny ? "deny" : "allow", gateway_rule_format(rule, !own, text));
}

static int print_verdict(const struct story *story)
{
        struct gateway_decision decision;
        char text[512];

        if (!gateway_method_valid(story->request->method)) {
                (void)printf("refused: the method %s is never passed on\n", story->request->method);
                return BROKER_EXIT_REFUSED;
        }
        if (story->target.fault != GATEWAY_TARGET_FINE) {
                (void)printf("refused before any rule: %s\n", story->target.why);
                return BROKER_EXIT_REFUSED;
        }
        if (key_is_no_good(story, text, sizeof(text))) {
                (void)printf("refused: %s\n", text);
                return BROKER_EXIT_REFUSED;
        }

        decision = decide(story, story->account);
        if (!story->account) {
                say_account(story);
        }
        if (story->key && story->key->callers.n > 0) {
                journal_say(&(struct journal_record){ .priority = LOG_NOTICE },
                            "local key %s can be used only by the callers listed in its section",
                            story->key->name);
        }
        if (!story->environment->gateway) {
                (void)printf("refused: the gateway is off: set gateway = yes in [environment %s]\n",
                             story->environment->name);
                print_decision(story, "once it is on, ", &decision);
                return BROKER_EXIT_REFUSED;
        }
        print_decision(story, "", &decision);
        return decision.allowed ? 0 : BROKER_EXIT_REFUSED;
}

int explain(struct settings *settings, const struct explain_request *request)
{
        _cleanup_(story_clear) struct story story = { .request = request };
        int code;

        story.environment = settings_environment(settings, request->environment);
        if (!story.environment) {
                return fail("there is no environment %s in the configuration", request->environment);
        }
        story.account = request->account ? request->account : story.environment->account;
        code = look_up_names(settings);
        if (code == 0) {
                code = take_caller(&story, settings);
        }
        if (code == 0) {
                code = take_target(&story);
        }
        if (code != 0) {
                return code;
        }
        code = print_verdict(&story);
        return fflush(stdout) == 0 ? code : BROKER_EXIT_INTERNAL;
}

/* The user database's answers on the names in rules; see the header. */
#include "daemon/keeper/rule_answers.h"

#include "daemon/base/journal.h"
#include "lib/util.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>

#define ENTRY_MAX (1024 * 1024) /* bytes of an entry of the user database, with all its texts */

/* ---- rules ---- */

struct rule_place {
        struct access_rule *rule;
        const char *section, *key;
};

/* Returns what the visitor returned, if that was not 0. */
typedef int (*visit_fn)(const struct rule_place *place, void *userdata);

static int visit_rule(struct access_rule *rule, const char *section, const char *key, visit_fn visit,
                      void *userdata)
{
        const struct rule_place place = { rule, section, key };

        return rule->kind == ACCESS_RULE_USER || rule->kind == ACCESS_RULE_GROUP ? visit(&place, userdata)
                                                                                 : 0;
}

static int visit_list(struct access_rules *rules, const char *section, const char *key, visit_fn visit,
                      void *userdata)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < rules->n; i++) {
                r = visit_rule(&rules->rules[i], section, key, visit, userdata);
        }
        return r;
}

static int visit_gateway(struct environment_settings *environment, visit_fn visit, void *userdata)
{
        char section[64];
        int r = 0;

        (void)snprintf(section, sizeof(section), "gateway %s", environment->name);
        for (size_t i = 0; r == 0 && i < environment->gateway_rules.n; i++) {
                struct gateway_rule *rule = &environment->gateway_rules.rules[i];
                r = visit_rule(&rule->who, section, rule->deny ? "deny" : "allow", visit, userdata);
        }
        return r;
}

static int visit_environment(struct environment_settings *environment, visit_fn visit, void *userdata)
{
        char section[64];

        (void)snprintf(section, sizeof(section), "environment %s", environment->name);
        int r = visit_list(&environment->allow, section, "allow", visit, userdata);
        if (r == 0) {
                r = visit_list(&environment->operators, section, "operators", visit, userdata);
        }
        return r == 0 ? visit_gateway(environment, visit, userdata) : r;
}

static int visit_local_keys(struct settings *settings, visit_fn visit, void *userdata)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < settings->n_local_keys; i++) {
                char section[64];
                (void)snprintf(section, sizeof(section), "local %s", settings->local_keys[i].name);
                r = visit_list(&settings->local_keys[i].callers, section, "caller", visit, userdata);
        }
        return r;
}

/* All rules by name, in the order of the configuration. */
static int visit_rules(struct settings *settings, visit_fn visit, void *userdata)
{
        struct access_rules socket_group = { &settings->socket_group, settings->has_socket_group };

        int r = visit_list(&socket_group, "broker", "socket_group", visit, userdata);
        if (r != 0) {
                return r;
        }
        r = visit_list(&settings->allow, "broker", "allow", visit, userdata);
        if (r != 0) {
                return r;
        }
        r = visit_list(&settings->operators, "broker", "operators", visit, userdata);
        for (size_t i = 0; r == 0 && i < settings->n_environments; i++) {
                r = visit_environment(&settings->environments[i], visit, userdata);
        }
        return r == 0 ? visit_local_keys(settings, visit, userdata) : r;
}

const char *rule_answer_kind(enum access_rule_kind kind)
{
        return kind == ACCESS_RULE_USER ? "user" : "group";
}

/* "[broker] allow = user:alice" */
static const char *words_for(const struct rule_place *place, char *buffer, size_t size)
{
        bool bare = streq(place->key, "socket_group");

        (void)snprintf(buffer, size, "[%s] %s = %s%s%s", place->section, place->key,
                       bare ? "" : rule_answer_kind(place->rule->kind), bare ? "" : ":", place->rule->name);
        return buffer;
}

/* ---- asking the user database, in any thread ---- */

/* As getpwnam_r(3) and getgrnam_r(3), with the number alone. Returns their error. */
static int read_entry(const struct rule_answer *answer, char *texts, size_t size, bool *ret_found,
                      uint32_t *ret)
{
        struct passwd user = { 0 }, *found_user = NULL;
        struct group group = { 0 }, *found_group = NULL;
        int error;

        errno = EIO; /* returned where a name service is silent and gives no reason */
        if (answer->kind == ACCESS_RULE_USER) {
                error = getpwnam_r(answer->name, &user, texts, size, &found_user);
        } else {
                error = getgrnam_r(answer->name, &group, texts, size, &found_group);
        }
        *ret_found = found_user || found_group;
        *ret = found_user ? user.pw_uid : found_group ? group.gr_gid : 0;
        return error;
}

/* Numbers that the kernel shows for users whom it cannot name; see lib/access_rule. */
static bool is_nobody(uint32_t id)
{
        return id == 65534 || id == UINT32_MAX;
}

void rule_answer_look_up(struct rule_answer *answer)
{
        bool found = false;
        uint32_t id = 0;
        int error = ERANGE;

        for (size_t size = 4096; error == ERANGE && size <= ENTRY_MAX; size *= 4) {
                _cleanup_free_ char *texts = malloc(size);
                error = texts ? read_entry(answer, texts, size, &found, &id) : ENOMEM;
        }
        if (found && !is_nobody(id)) {
                answer->state = RULE_ANSWER_FOUND;
                answer->id = id;
                answer->error = 0;
        } else if (found || error == 0) {
                /* glibc has no other way to say that there is no such name, whatever getpwnam(3) lists:
                 * ENOENT is what the clients of nslcd and sssd return while those are away. */
                answer->state = RULE_ANSWER_UNKNOWN;
                answer->error = 0;
        } else {
                answer->error = error;
        }
}

/* ---- answers ---- */

static const struct rule_answer *find_answer(const struct rule_answers *answers, enum access_rule_kind kind,
                                             const char *name)
{
        for (size_t i = 0; answers && i < answers->n; i++) {
                const struct rule_answer *answer = &answers->list[i];
                if (answer->kind == kind && streq(answer->name, name)) {
                        return answer;
                }
        }
        return NULL;
}

static int count_rule(const struct rule_place *place, void *userdata)
{
        size_t *n = userdata;

        ++*n;
        return 0;
}

static int note_name(const struct rule_place *place, void *userdata)
{
        struct rule_answers *answers = userdata;

        if (!find_answer(answers, place->rule->kind, place->rule->name)) {
                struct rule_answer *answer = &answers->list[answers->n++];
                answer->kind = place->rule->kind;
                memcpy(answer->name, place->rule->name, sizeof(answer->name));
        }
        return 0;
}

/* A list of the names in the settings, with no answer yet. NULL: no memory. */
static struct rule_answers *list_names(struct settings *settings)
{
        size_t n = 0;

        (void)visit_rules(settings, count_rule, &n);
        struct rule_answers *answers = calloc(1, sizeof(*answers) + n * sizeof(answers->list[0]));
        if (answers) {
                (void)visit_rules(settings, note_name, answers);
        }
        return answers;
}

struct rule_answers *rule_answers_free(struct rule_answers *answers)
{
        free(answers);
        return NULL;
}

void rule_answer_settle(struct rule_answer *answer, uint64_t begun_usec, uint64_t now_usec)
{
        if (answer->error == 0) {
                answer->told_usec = begun_usec;
        } else if (answer->state == RULE_ANSWER_FOUND &&
                   now_usec >= answer->told_usec + RULE_ANSWERS_SILENT_USEC) {
                answer->state = RULE_ANSWER_PENDING;
        }
        if (answer->error == 0 && answer->state == RULE_ANSWER_FOUND) {
                answer->until_usec = begun_usec + RULE_ANSWERS_KEPT_USEC;
                answer->again_usec = answer->until_usec - RULE_ANSWERS_KEPT_USEC / 4;
        } else {
                answer->again_usec = answer->until_usec = now_usec + RULE_ANSWERS_WANTING_USEC;
        }
}

void rule_answers_times(const struct rule_answers *answers, uint64_t *ret_again_usec,
                        uint64_t *ret_until_usec)
{
        *ret_again_usec = *ret_until_usec = USEC_NEVER;
        for (size_t i = 0; i < answers->n; i++) {
                const struct rule_answer *answer = &answers->list[i];
                *ret_again_usec = MIN_OF(*ret_again_usec, answer->again_usec);
                if (answer->state == RULE_ANSWER_FOUND) {
                        *ret_until_usec = MIN_OF(*ret_until_usec, answer->until_usec);
                }
        }
}

static int put_number(const struct rule_place *place, void *userdata)
{
        const struct rule_answer *answer = find_answer(userdata, place->rule->kind, place->rule->name);

        place->rule->resolved = answer && answer->state == RULE_ANSWER_FOUND;
        place->rule->absent = answer && answer->state == RULE_ANSWER_UNKNOWN;
        place->rule->id = place->rule->resolved ? answer->id : 0;
        return 0;
}

void rule_answers_apply(const struct rule_answers *answers, struct settings *settings)
{
        (void)visit_rules(settings, put_number, (void *)(uintptr_t)answers);
}

/* ---- when settings are read ---- */

/* Says of a rule of new settings what is wrong with its name. */
static int say_at_first(const struct rule_place *place, void *userdata)
{
        const struct rule_answer *answer = find_answer(userdata, place->rule->kind, place->rule->name);
        const struct journal_record record = { .priority = LOG_WARNING, .id = EVENT_RULE_NAME };
        const bool deny = streq(place->key, "deny"); /* see lib/gateway_rule.h */
        char words[160];

        if (!answer || answer->state == RULE_ANSWER_FOUND) {
                return 0;
        }
        if (answer->error != 0) {
                journal_say(&record,
                            "%s: the user database does not say whether there is such a %s (%s): the rule "
                            "%s until it does",
                            words_for(place, words, sizeof(words)), rule_answer_kind(answer->kind),
                            strerror(answer->error), deny ? "denies everybody" : "gives nothing");
        } else if (!place->rule->optional) {
                journal_say(
                        &record,
                        "%s: there is no such %s on this host: the rule %s until there is; create it, or "
                        "correct the name",
                        words_for(place, words, sizeof(words)), rule_answer_kind(answer->kind),
                        deny ? "denies nobody" : "gives nothing");
        }
        return 0;
}

void rule_answers_say(const struct rule_answers *answers, struct settings *settings)
{
        (void)visit_rules(settings, say_at_first, (void *)(uintptr_t)answers);
}

int rule_answers_new(struct rule_answers **ret, struct settings *settings,
                     const struct rule_answers *earlier)
{
        struct rule_answers *answers = list_names(settings);

        if (!answers) {
                return -ENOMEM;
        }
        for (size_t i = 0; i < answers->n; i++) {
                struct rule_answer *answer = &answers->list[i];
                const struct rule_answer *before = find_answer(earlier, answer->kind, answer->name);
                if (before) {
                        *answer = *before;
                        answer->begun_usec = answer->again_usec = 0;
                }
        }
        *ret = answers;
        return 0;
}

static int is_lacking(const struct rule_place *place, void *userdata)
{
        return !place->rule->resolved && !place->rule->optional;
}

bool rule_answers_lacking(struct settings *settings)
{
        return visit_rules(settings, is_lacking, NULL) != 0;
}

/* ---- checking ---- */

struct check {
        rule_answers_fault_fn fault;
        int error;
};

static int check_rule(const struct rule_place *place, void *userdata)
{
        struct check *check = userdata;
        struct rule_answer answer = { .kind = place->rule->kind };
        char words[160], message[SETTINGS_ERROR_MAX];

        memcpy(answer.name, place->rule->name, sizeof(answer.name));
        rule_answer_look_up(&answer);
        if (answer.state == RULE_ANSWER_FOUND || place->rule->optional) {
                return 0;
        }
        (void)words_for(place, words, sizeof(words));
        if (answer.error == 0) {
                (void)snprintf(message, sizeof(message),
                               "%s: there is no such %s on this host: create it, or correct the name", words,
                               rule_answer_kind(answer.kind));
        } else {
                (void)snprintf(message, sizeof(message),
                               "%s: the user database does not say whether there is such a %s: %s", words,
                               rule_answer_kind(answer.kind), strerror(answer.error));
        }
        check->error = answer.error == 0 ? -ENOENT : -answer.error;
        check->fault(message);
        return 0;
}

int rule_answers_check(struct settings *settings, rule_answers_fault_fn fault)
{
        struct check check = { .fault = fault };

        (void)visit_rules(settings, check_rule, &check);
        return check.error;
}

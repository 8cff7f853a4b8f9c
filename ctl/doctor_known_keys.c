/* Doctor, known keys: the daemon's view of each key of an environment. A key that does not work, or that
 * nobody has tried, is found before it is needed. */
#include "ctl/doctor_parts.h"
#include "ctl/fields.h"
#include "ctl/key_store.h"
#include "ctl/key_words.h"
#include "ctl/text.h"
#include "lib/duration.h"
#include "lib/refresh_budget.h"

#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#define NAME_COPY_MAX 128
#define PATH_COPY_MAX 1024
#define WHY_COPY_MAX  512

/* After a start spares wait for their trial. */
#define START_SEC 60

struct view {
        struct doctor *doctor;
        struct json_object *environment;
        struct json_object *key;
        const char *name; /* of the environment */
        char key_name[NAME_COPY_MAX];
        char file[KEY_FILE_NAME_MAX + 1];
};

/* The latest failure, if it was with this key: in brackets, to be put behind a clause. */
static void read_trouble(const struct view *view, char ret_why[static WHY_COPY_MAX])
{
        struct json_object *trouble = field_object(view->environment, "last_trouble");
        bool ours = trouble && streq(field_text(trouble, "key"), field_text(view->key, "label"));
        const char *message = field_text(trouble, "message");

        (void)snprintf(ret_why, WHY_COPY_MAX, "%s%s%s", ours ? " (" : "", ours ? message : "",
                       ours ? ")" : "");
}

/* ---- refused ---- */

static void find_unauthorized(const struct view *view)
{
        char what[NAME_COPY_MAX + 64], cure[NAME_COPY_MAX * 4];

        (void)snprintf(what, sizeof(what), "The EQP API refuses %s.", view->key_name);
        (void)snprintf(
                cure, sizeof(cure),
                "Make or regenerate it in the environment's own portal, then: eqpctl key set %s. If it "
                "was deleted for good: eqpctl key remove %s",
                view->file, view->file);
        doctor_find(view->doctor, "key_refused", what,
                    "It was answered 401: it was regenerated or deleted in the portal, is of the other "
                    "environment, or was copied with a mistake.",
                    cure);
}

static void find_outdone(const struct view *view)
{
        char what[NAME_COPY_MAX + WHY_COPY_MAX + 96], why[WHY_COPY_MAX], cure[NAME_COPY_MAX * 3];

        read_trouble(view, why);
        (void)snprintf(what, sizeof(what),
                       "The EQP API gave no token for %s%s, and gave one for another key.", view->key_name,
                       why);
        (void)snprintf(cure, sizeof(cure),
                       "Look the key up in the portal, regenerate it there, then: eqpctl key set %s. "
                       "To have it tried again as it is: eqpctl refresh %s",
                       view->file, view->name);
        doctor_find(view->doctor, "key_refused", what,
                    "It was not answered 401, but as another key worked at the same time, the fault is this "
                    "key's. It is tried again once a day.",
                    cure);
}

static void find_other_account(const struct view *view)
{
        struct json_object *trouble = field_object(view->environment, "last_trouble");
        bool ours = streq(field_text(trouble, "key"), field_text(view->key, "label"));
        const char *other = ours ? field_text(trouble, "account") : "";
        char what[NAME_COPY_MAX * 4], cure[NAME_COPY_MAX * 5];

        (void)snprintf(what, sizeof(what),
                       "The EQP API says that %s is of another account%s%s, and %s is of %s.",
                       view->key_name, other[0] != '\0' ? ", " : "", other, view->name,
                       field_text(view->environment, "account"));
        (void)snprintf(
                cure, sizeof(cure),
                "If it is there by mistake: eqpctl key remove %s. If %s is to have this key's account, "
                "remove the other keys first, then: eqpctl key set --new-account %s, or set account = in "
                "[environment %s]. eqpctl status %s names the accounts.",
                view->file, view->name, view->file, view->name, view->name);
        doctor_find(view->doctor, "key_refused", what,
                    "Tokens of another account are never served, as programs would see other data.", cure);
}

/* ---- untried ---- */

/* Since when its file is as it is, if that can be seen: "", or a clause. */
static void describe_age(const struct view *view, char ret_age[static NAME_COPY_MAX])
{
        char path[PATH_COPY_MAX], age[DURATION_TEXT_MAX];
        time_t now = time(NULL);
        struct stat status;

        ret_age[0] = '\0';
        (void)snprintf(path, sizeof(path), "%s/%s", field_text(view->doctor->status, "keys_directory"),
                       view->file);
        if (stat(path, &status) == 0 && status.st_ctime <= now) {
                uint64_t age_usec = (uint64_t)(now - status.st_ctime) * USEC_PER_SEC;

                (void)snprintf(ret_age, NAME_COPY_MAX, ", though its file has been there for %s",
                               duration_format(age_usec, age));
        }
}

static void find_untried(const struct view *view)
{
        struct json_object *exchanges = field_object(view->environment, "exchanges");
        char what[NAME_COPY_MAX * 3], why[WHY_COPY_MAX * 2], trouble[WHY_COPY_MAX], age[NAME_COPY_MAX];
        char next[DURATION_TEXT_MAX + 32] = "at the next token", wait[DURATION_TEXT_MAX], cure[WHY_COPY_MAX];
        int64_t trial_sec = 0;
        bool often = field_count(exchanges, "trial_last_hour") >= REFRESH_WISH_SHARE;

        describe_age(view, age);
        read_trouble(view, trouble);
        if (field_seconds(view->key, "trial_in_sec", &trial_sec)) {
                (void)snprintf(next, sizeof(next), "in %s",
                               duration_format((uint64_t)trial_sec * USEC_PER_SEC, wait));
        }
        (void)snprintf(what, sizeof(what), "It is not known whether %s works%s.", view->key_name, age);
        (void)snprintf(why, sizeof(why), "%s%s: it may be of no use on the day when it is needed.",
                       often                ? "Keys were tried as often within the hour as is allowed"
                       : trouble[0] != '\0' ? "Its trial was inconclusive"
                                            : "It has not been tried yet",
                       trouble);
        (void)snprintf(cure, sizeof(cure), "It is tried %s.%s%s", next,
                       often ? "" : " To have the daemon try it now, write its file again: eqpctl key set ",
                       often ? "" : view->file);
        doctor_find(view->doctor, "key_untried", what, why, cure);
}

/* ---- all ---- */

static void examine_key(const struct view *view)
{
        struct json_object *status = view->doctor->status;
        const char *state = field_text(view->key, "state"), *cause = field_text(view->key, "cause");
        int64_t uptime_sec = START_SEC;

        if (streq(state, "refused")) {
                (streq(cause, "outdone")         ? find_outdone
                 : streq(cause, "other_account") ? find_other_account
                                                 : find_unauthorized)(view);
                return;
        }
        (void)field_seconds(status, "uptime_sec", &uptime_sec);
        /* Without a token there is graver trouble, which is told. */
        if (streq(state, "untried") && key_is_doubtful(view->key) && uptime_sec >= START_SEC &&
            field_object(view->environment, "token")) {
                find_untried(view);
        }
}

void doctor_examine_known_keys(struct doctor *doctor, struct json_object *environment, const char *section)
{
        struct json_object *keys = field_array(environment, "keys");
        size_t n = keys ? json_object_array_length(keys) : 0;
        struct view view = { .doctor = doctor,
                             .environment = environment,
                             .name = field_text(environment, "name") };

        for (size_t i = 0; i < n; i++) {
                char fact[NAME_COPY_MAX], words[KEY_WORDS_MAX];
                const char *label;

                view.key = json_object_array_get_idx(keys, i);
                label = field_text(view.key, "label");
                (void)snprintf(view.key_name, sizeof(view.key_name), "the key %s of %s",
                               label[0] != '\0' ? label : "without a label", view.name);
                (void)snprintf(view.file, sizeof(view.file), "%s%s%s", view.name,
                               label[0] != '\0' ? "." : "", label);
                (void)snprintf(fact, sizeof(fact), "key %s", label[0] != '\0' ? label : "(no label)");
                doctor_fact(doctor, section, fact, "%s%s",
                            key_words(words, view.key, key_is_in_use(environment, view.key)),
                            field_truth(view.key, "kept_old") ? ", the one from before is kept" : "");
                examine_key(&view);
        }
}

/* Doctor, environments: what the daemon says of each. The last answer of the EQP API that nobody understood
 * is told in full, as far as the daemon kept it: without secrets. */
#include "ctl/daemon_status.h"
#include "ctl/doctor.h"
#include "ctl/fields.h"
#include "lib/base_url.h"
#include "lib/duration.h"

#define NAME_COPY_MAX 64

/* "environment NAME"; one's own words for where it is. */
struct view {
        struct doctor *doctor;
        struct json_object *environment;
        char name[NAME_COPY_MAX];
        char section[NAME_COPY_MAX + 16];
};

static const char *place_of(const char *url)
{
        if (streq(url, BASE_URL_PRODUCTION)) {
                return "the vendor's production";
        }
        if (streq(url, BASE_URL_SANDBOX)) {
                return "the vendor's sandbox";
        }
        if (strncmp(url, "https://localhost", strlen("https://localhost")) == 0 ||
            strncmp(url, "https://127.", strlen("https://127.")) == 0) {
                return "this machine";
        }
        return "another place";
}

static void tell_keys(const struct view *view)
{
        struct json_object *keys = field_array(view->environment, "keys");
        size_t n = keys ? json_object_array_length(keys) : 0;

        for (size_t i = 0; i < n; i++) {
                struct json_object *key = json_object_array_get_idx(keys, i);
                const char *label = field_text(key, "label"), *state = field_text(key, "state");
                char fact[NAME_COPY_MAX], what[256];

                (void)snprintf(fact, sizeof(fact), "key %s", label[0] != '\0' ? label : "(no label)");
                doctor_fact(view->doctor, view->section, fact, "%s%s", state,
                            field_truth(key, "kept_old") ? ", the one from before is kept" : "");
                if (!streq(state, "refused")) {
                        continue;
                }
                (void)snprintf(what, sizeof(what), "The EQP API refuses the key %s of %s.",
                               label[0] != '\0' ? label : "without a label", view->name);
                doctor_find(
                        view->doctor, "key_refused", what,
                        "It was regenerated or deleted in the portal, is of the other environment, or was "
                        "copied with a mistake.",
                        "Make or regenerate it in the environment's own portal, then: eqpctl key set");
        }
}

static void tell_refused_files(const struct view *view)
{
        struct json_object *files = field_array(view->environment, "key_files_refused");
        size_t n = files ? json_object_array_length(files) : 0;

        for (size_t i = 0; i < n; i++) {
                struct json_object *file = json_object_array_get_idx(files, i);

                doctor_fact(view->doctor, "files the daemon does not use", field_text(file, "file"), "%s",
                            field_text(file, "reason"));
        }
}

static void tell_trouble(const struct view *view)
{
        struct json_object *trouble = field_object(view->environment, "last_trouble");
        char ago[DURATION_TEXT_MAX];
        int64_t ago_sec = 0;

        if (!trouble) {
                return;
        }
        (void)field_seconds(trouble, "ago_sec", &ago_sec);
        doctor_fact(view->doctor, view->section, "last trouble", "%s, %s ago: %s",
                    field_text(trouble, "outcome"), duration_format((uint64_t)ago_sec * USEC_PER_SEC, ago),
                    field_text(trouble, "message"));
}

/* Of these the status alone says what they mean. */
static bool is_understood(int64_t status)
{
        return status == 401 || status == 403 || status == 408 || status == 425 || status == 429 ||
               status >= 500;
}

static void tell_unknown_answer(const struct view *view)
{
        struct json_object *answer = field_object(view->environment, "last_unknown_answer");
        char what[256];

        if (!answer) {
                return;
        }
        doctor_fact(view->doctor, view->section, "last answer without a token",
                    "status %d, type %s, headers %s, code %d, message: %s",
                    (int)field_count(answer, "status"), field_text(answer, "content_type"),
                    field_text(answer, "header_names"), (int)field_count(answer, "code"),
                    field_text(answer, "message"));
        if (is_understood(field_count(answer, "status"))) {
                return;
        }

        (void)snprintf(what, sizeof(what),
                       "The EQP API gave an answer for %s that the broker does not know.", view->name);
        doctor_find(view->doctor, "answer_not_understood", what,
                    "The vendor does not document its errors, so the broker went by the status alone.",
                    "Please report it with this report: the next version can know it then.");
}

static void tell_exchanges(const struct view *view)
{
        struct json_object *exchanges = field_object(view->environment, "exchanges");
        char what[256];

        doctor_fact(view->doctor, view->section, "exchanges",
                    "%d in the last hour of at most %d, %d in all, %d put off",
                    (int)field_count(exchanges, "last_hour"), (int)field_count(exchanges, "hourly_budget"),
                    (int)field_count(exchanges, "total"), (int)field_count(exchanges, "put_off"));
        if (field_count(exchanges, "put_off") == 0) {
                return;
        }
        (void)snprintf(what, sizeof(what), "Exchanges for %s were put off, since there had been too many.",
                       view->name);
        doctor_find(view->doctor, "exchanges_put_off", what,
                    "Somebody asks for refreshes, reports tokens, or asks for lifetimes far more often than "
                    "a token "
                    "needs it.",
                    "See who: journalctl -u eqp-brokerd EQP_ENVIRONMENT=NAME");
}

static void tell_state(const struct view *view)
{
        const char *url = field_text(view->environment, "base_url"),
                   *why = field_text(view->environment, "why");
        const char *state = field_text(view->environment, "state");
        char what[1024];

        doctor_fact(view->doctor, view->section, "base URL", "%s: %s", place_of(url), url);
        doctor_fact(view->doctor, view->section, "state", "%s%s%s", state, why[0] != '\0' ? ": " : "", why);
        if (!streq(state, "no_token")) {
                return;
        }
        (void)snprintf(what, sizeof(what), "There is no token for %s: %s", view->name, why);
        doctor_find(view->doctor, "no_token", what, "Whoever asks for one is turned away.",
                    strstr(why, "check ca_file") != NULL
                            ? "Trying again does not help: the daemon cannot read ca_file. Put it into "
                              "/etc/eqp-broker/ca, readable by everybody, then: systemctl reload eqp-brokerd"
                            : "The broker goes on trying. See: eqpctl status NAME; journalctl -u "
                              "eqp-brokerd");
}

/* The daemon may have other settings than the files by now. */
static void hide_hosts(struct doctor *doctor, struct json_object *environments)
{
        for (size_t i = 0; i < json_object_array_length(environments); i++) {
                struct json_object *environment = json_object_array_get_idx(environments, i);
                char by[NAME_COPY_MAX];

                (void)snprintf(by, sizeof(by), "HOST-OF-%s", field_text(environment, "name"));
                doctor_hide_url(doctor, field_text(environment, "base_url"), by);
        }
}

void doctor_examine_environments(struct doctor *doctor)
{
        struct json_object *environments = field_array(doctor->status, "environments");

        if (!environments) {
                return;
        }
        hide_hosts(doctor, environments);
        for (size_t i = 0; i < json_object_array_length(environments); i++) {
                struct view view = { .doctor = doctor,
                                     .environment = json_object_array_get_idx(environments, i) };

                (void)snprintf(view.name, sizeof(view.name), "%s", field_text(view.environment, "name"));
                (void)snprintf(view.section, sizeof(view.section), "environment %s", view.name);
                tell_refused_files(&view);
                tell_state(&view);
                if (!field_truth(view.environment, "configured")) {
                        continue;
                }
                tell_keys(&view);
                tell_exchanges(&view);
                tell_trouble(&view);
                tell_unknown_answer(&view);
        }
}

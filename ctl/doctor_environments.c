/* Doctor, environments: the daemon's account of each. */
#include "ctl/daemon_status.h"
#include "ctl/doctor_parts.h"
#include "ctl/fields.h"
#include "lib/base_url.h"
#include "lib/duration.h"
#include "lib/settings.h"
#include "lib/settings_remark.h"
#include "lib/util.h"

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

static void tell_exchanges(const struct view *view)
{
        struct json_object *exchanges = field_object(view->environment, "exchanges");
        char what[NAME_COPY_MAX + 64], cure[NAME_COPY_MAX + 192];

        doctor_fact(view->doctor, view->section, "exchanges",
                    "%d in the last hour of at most %d, %d in all, %d put off",
                    (int)field_count(exchanges, "last_hour"), (int)field_count(exchanges, "hourly_budget"),
                    (int)field_count(exchanges, "total"), (int)field_count(exchanges, "put_off"));
        if (field_count(exchanges, "put_off") == 0) {
                return;
        }
        (void)snprintf(what, sizeof(what), "Exchanges for %s were put off since the daemon started.",
                       view->name);
        (void)snprintf(
                cure, sizeof(cure),
                "See which it was: journalctl -u eqp-brokerd EQP_ENVIRONMENT=%s. Where tokens live for "
                "too short a time, raise lifetime; otherwise there is nothing to do.",
                view->name);
        doctor_find(view->doctor, "exchanges_put_off", what,
                    "Either the upstream asked for a pause (Retry-After), or the 44 exchanges an hour that "
                    "keep a token were used up, as by tokens that live for less than 117 s.",
                    cure);
}

/* Does the upstream grant less than the hourly budget can bear? A short lifetime that the settings ask for
 * is another finding. */
static bool is_granted_too_little(const struct view *view)
{
        const struct environment_settings *settings =
                view->doctor->settings
                        ? settings_environment(view->doctor->settings, field_text(view->environment, "name"))
                        : NULL;
        int64_t asked_sec = settings ? settings->lifetime_sec : INT64_MAX, lifetime_sec;

        if (field_seconds(field_object(view->environment, "token"), "lifetime_sec", &lifetime_sec)) {
                return lifetime_sec < MIN_OF(asked_sec, (int64_t)LIFETIME_BORNE_SEC);
        }
        return asked_sec >= LIFETIME_BORNE_SEC &&
               strncmp(field_text(view->environment, "why"), LIFETIME_WAS_SHORT,
                       strlen(LIFETIME_WAS_SHORT)) == 0;
}

static void tell_short_life(const struct view *view)
{
        char what[NAME_COPY_MAX + 128], why[192], cure[NAME_COPY_MAX + 256];

        (void)snprintf(what, sizeof(what),
                       "The upstream grants tokens for %s that live for less than %d s, the least that the "
                       "hourly budget can bear.",
                       view->name, LIFETIME_BORNE_SEC);
        (void)snprintf(why, sizeof(why),
                       "The budget has %d exchanges for renewing tokens: there is no token for a part of "
                       "the time, or little time left for trouble.",
                       LIFETIME_RENEWALS_PER_HOUR);
        (void)snprintf(
                cure, sizeof(cure),
                "Check base_url in [environment %s]. If it is right, ask the upstream's operator for a "
                "lifetime of %d s or more; lifetime in the configuration asks for enough.",
                view->name, LIFETIME_BORNE_SEC);
        doctor_find(view->doctor, "lifetime_granted_short", what, why, cure);
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
        doctor_find(
                view->doctor, "no_token", what, "Programs that ask for one are refused.",
                strstr(why, "check ca_file") != NULL
                        ? "Trying again does not help: the daemon cannot read ca_file. Put it into "
                          "/etc/eqp-broker/ca, readable by everybody, then: systemctl reload eqp-brokerd"
                : is_granted_too_little(view)
                        ? "The broker obtains the next one when the budget lets it. For the cause see the "
                          "finding lifetime_granted_short."
                        : "The broker goes on trying. See: eqpctl status NAME; journalctl -u "
                          "eqp-brokerd");
}

/* Where an answer led to may be a place in somebody's network. */
static void hide_redirect(struct doctor *doctor, struct json_object *answer)
{
        const char *host = field_text(answer, "redirect_host");
        char url[256];

        if (host[0] != '\0') {
                (void)snprintf(url, sizeof(url), "https://%s", host);
                doctor_hide_url(doctor, url, "HOST-OF-A-REDIRECT");
        }
}

static void hide_accounts(struct doctor *doctor, struct json_object *environment, const char *by)
{
        doctor_hide(doctor, field_text(environment, "account"), by);
        doctor_hide(doctor, field_text(field_object(environment, "token"), "mage_id"), by);
        doctor_hide(doctor, field_text(field_object(environment, "last_trouble"), "account"),
                    "ANOTHER-ACCOUNT");
}

/* The daemon may have other settings than the files by now. */
static void hide_names(struct doctor *doctor, struct json_object *environments)
{
        for (size_t i = 0; i < json_object_array_length(environments); i++) {
                struct json_object *environment = json_object_array_get_idx(environments, i);
                char by[NAME_COPY_MAX + 16];

                (void)snprintf(by, sizeof(by), "HOST-OF-%s", field_text(environment, "name"));
                doctor_hide_url(doctor, field_text(environment, "base_url"), by);
                hide_redirect(doctor, field_object(environment, "last_unknown_answer"));
                (void)snprintf(by, sizeof(by), "ACCOUNT-OF-%s", field_text(environment, "name"));
                hide_accounts(doctor, environment, by);
        }
}

void doctor_examine_environments(struct doctor *doctor)
{
        struct json_object *environments = field_array(doctor->status, "environments");

        if (!environments) {
                return;
        }
        hide_names(doctor, environments);
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
                doctor_examine_known_keys(doctor, view.environment, view.section);
                tell_exchanges(&view);
                if (is_granted_too_little(&view)) {
                        tell_short_life(&view);
                }
                doctor_examine_share(doctor, view.environment, view.name, view.section);
                doctor_examine_answers(doctor, view.environment, view.name, view.section);
        }
}

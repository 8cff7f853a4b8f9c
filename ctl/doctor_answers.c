/* Doctor, answers: the last answer of the EQP API, or of something in front of it, that held no token, and
 * what to do about it. The answer is told as far as the daemon kept it: without secrets. */
#include "ctl/doctor_parts.h"
#include "ctl/fields.h"
#include "lib/duration.h"

struct answer_view {
        struct doctor *doctor;
        const char *name, *section; /* of the environment */
        struct json_object *trouble, *answer;
        bool failing; /* it is not over */
};

static void tell_trouble(const struct answer_view *view)
{
        char ago[DURATION_TEXT_MAX];
        int64_t ago_sec = 0;

        if (!view->trouble) {
                return;
        }
        (void)field_seconds(view->trouble, "ago_sec", &ago_sec);
        doctor_fact(view->doctor, view->section, "last trouble", "%s, %s ago: %s",
                    field_text(view->trouble, "outcome"),
                    duration_format((uint64_t)ago_sec * USEC_PER_SEC, ago),
                    field_text(view->trouble, "message"));
}

static void tell_answer(const struct answer_view *view)
{
        if (!view->answer) {
                return;
        }
        doctor_fact(view->doctor, view->section, "last answer without a token",
                    "%s, status %d, type %s, headers %s, code %d, message: %s",
                    field_text(view->answer, "kind"), (int)field_count(view->answer, "status"),
                    field_text(view->answer, "content_type"), field_text(view->answer, "header_names"),
                    (int)field_count(view->answer, "code"), field_text(view->answer, "message"));
}

/* Something stands in front of the API: true if that is what is wrong. */
static bool find_page(const struct answer_view *view)
{
        static const struct {
                const char *kind, *id, *what, *does, *why, *cure;
        } rows[] = {
                { "block_page", "block_page", "The broker's requests for",
                  "do not get as far as the EQP API",
                  "A content network turns them away. This host's address may be blocked. Nothing is wrong "
                  "with "
                  "the key.",
                  "Wait: the broker goes on trying, at most 2 min apart. Do not regenerate the key. If it "
                  "lasts, ask "
                  "the vendor whether this host's address is blocked, or send the requests by a proxy." },
                { "maintenance_page", "maintenance_page", "For",
                  "a web page stands in the place of the EQP API",
                  "The API is down for a while, or a proxy answers in its place. Nothing is wrong with the "
                  "key.",
                  "Wait: the broker goes on trying. If it lasts, check base_url and the proxy." },
                { "redirect", "redirected", "The EQP API for", "sends the broker elsewhere",
                  "The key goes to base_url and nowhere else.",
                  "Wait: during maintenance it may pass. If it lasts, check base_url and the proxy." },
        };
        const char *kind = field_text(view->trouble, "kind");
        char what[512];

        for (size_t i = 0; i < ARRAY_SIZE(rows) && view->failing; i++) {
                if (streq(kind, rows[i].kind)) {
                        (void)snprintf(what, sizeof(what), "%s %s %s: %s.", rows[i].what, view->name,
                                       rows[i].does, field_text(view->trouble, "message"));
                        doctor_find(view->doctor, rows[i].id, what, rows[i].why, rows[i].cure);
                        return true;
                }
        }
        return false;
}

/* The API says what it does not like. */
static bool find_request_refused(const struct answer_view *view)
{
        const char *message = field_text(view->answer, "message");
        int64_t code = field_count(view->answer, "code");
        char what[512], coded[32] = "";

        if (!view->failing || !streq(field_text(view->trouble, "outcome"), "request_refused") ||
            (message[0] == '\0' && code == 0)) {
                return false;
        }
        if (code != 0) {
                (void)snprintf(coded, sizeof(coded), ", code %lld", (long long)code);
        }
        (void)snprintf(what, sizeof(what), "The EQP API refuses the request for %s: status %d%s, \"%s\".",
                       view->name, (int)field_count(view->answer, "status"), coded, message);
        doctor_find(
                view->doctor, "request_refused", what,
                "The vendor does not document its errors. It may be the key, the account or the request.",
                "Follow its message; check base_url, and the key in the portal. If that is no help, please "
                "report "
                "it with this report: the next version can know it then.");
        return true;
}

/* Of these the status alone says what they mean. */
static bool is_understood(int64_t status)
{
        return status == 401 || status == 408 || status == 425 || status == 429 || status >= 500;
}

static void find_unknown(const struct answer_view *view)
{
        const char *kind = field_text(view->answer, "kind");
        char what[256];

        if (is_understood(field_count(view->answer, "status")) ||
            (kind[0] != '\0' && !streq(kind, "plain"))) {
                return;
        }
        (void)snprintf(what, sizeof(what),
                       "The EQP API gave an answer for %s that the broker does not know.", view->name);
        doctor_find(view->doctor, "answer_not_understood", what,
                    "The vendor does not document its errors, so the broker went by the status alone.",
                    "Please report it with this report: the next version can know it then.");
}

void doctor_examine_answers(struct doctor *doctor, struct json_object *environment, const char *name,
                            const char *section)
{
        const struct answer_view view = { .doctor = doctor,
                                          .name = name,
                                          .section = section,
                                          .trouble = field_object(environment, "last_trouble"),
                                          .answer = field_object(environment, "last_unknown_answer"),
                                          .failing = field_count(environment, "failures_in_row") > 0 };

        tell_trouble(&view);
        tell_answer(&view);
        if (!find_page(&view) && view.answer && !find_request_refused(&view)) {
                find_unknown(&view);
        }
}

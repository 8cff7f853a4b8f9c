/* Doctor, gateway: rules and local keys that are in order and of no use, and programs that are set up for
 * something else than this broker. */
#include "ctl/doctor_parts.h"
#include "ctl/fields.h"
#include "lib/duration.h"
#include "lib/end_date.h"

#include <ctype.h>
#include <time.h>

#define SECTION       "local keys"
#define DAY_SEC       86400
#define SOON_SEC      (14 * DAY_SEC)
#define LATELY_SEC    DAY_SEC /* older ones are repaired, or trouble nobody */
#define NAME_COPY_MAX 64

/* ---- what eqp-brokerd --check remarks ---- */

static const struct {
        const char *words; /* in lib/gateway_remark.c */
        const char *id, *why;
} kinds[] = {
        { "nothing reaches this rule", "gateway_rule_unreached",
          "The rule has no effect, though somebody relies on it: a deny refuses nothing, or an allow "
          "is "
          "not the one that decides." },
        { "there is no local key", "gateway_rule_unreached", "The rule has no effect." },
        { "the rule says nothing", "gateway_rule_unreached",
          "A local key is good for its own environment only." },
        { "gateway is off", "gateway_off", "No request is passed on in this environment." },
        { "has no rule and opens nothing", "local_key_powerless",
          "Its program gets a token, and each of its requests is refused." },
};

/* Where FILE:LINE: ends; NULL: there is none. */
static char *end_of_place(char *text)
{
        for (char *end = strstr(text, ": "); end; end = strstr(end + 1, ": ")) {
                char *digits = end;

                while (digits > text && isdigit((unsigned char)digits[-1])) {
                        digits--;
                }
                if (digits < end && digits > text && digits[-1] == ':') {
                        return end;
                }
        }
        return NULL;
}

/* ENVIRONMENT: FILE:LINE: RULE: WORDS: CURE. The rule is left out, as it may name a user. */
static void find_remark(struct doctor *doctor, const char *line, size_t length)
{
        char text[1024], what[1200];

        (void)snprintf(text, sizeof(text), "%.*s", (int)MIN_OF(length, sizeof(text) - 1), line);
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                char *words = strstr(text, kinds[i].words), *begin = end_of_place(text), *cure;

                if (!words || !begin || begin > words) {
                        continue;
                }
                if (!streq(kinds[i].words, "nothing reaches this rule")) {
                        words = begin + 2;
                }
                cure = strstr(words, ": ");
                if (!cure) {
                        continue;
                }
                *begin = '\0';
                *cure = '\0';
                (void)snprintf(what, sizeof(what), "%s: %s.", text, words);
                doctor_find(doctor, kinds[i].id, what, kinds[i].why, cure + 2);
                return;
        }
}

void doctor_examine_remarks(struct doctor *doctor, const char *lines)
{
        while (lines && *lines != '\0') {
                size_t length = strcspn(lines, "\n");

                find_remark(doctor, lines, length);
                lines += length;
                lines += *lines == '\n';
        }
}

/* ---- local keys ---- */

static void find_expiry(struct doctor *doctor, const struct local_key *key, int64_t now_sec)
{
        char date[END_DATE_TEXT_MAX], what[256], cure[512];
        bool over = key->expires_sec != 0 && now_sec >= key->expires_sec;

        if (key->expires_sec == 0 || now_sec + SOON_SEC < key->expires_sec) {
                return;
        }
        (void)snprintf(what, sizeof(what), "The local key %s %s (expires = %s).", key->name,
                       over ? "has expired" : "expires within 14 days",
                       end_date_format(key->expires_sec, date));
        (void)snprintf(cure, sizeof(cure),
                       "If its program is still to ask, set a later expires = in [local %s] and reload: "
                       "eqpctl reload. If not: eqpctl local remove %s",
                       key->name, key->name);
        doctor_find(doctor, over ? "local_key_expired" : "local_key_expires", what,
                    over ? "Its program is answered 401 (local_key_refused)."
                         : "From then on its program is answered 401 (local_key_refused).",
                    cure);
}

void doctor_examine_local_keys(struct doctor *doctor)
{
        const struct settings *settings = doctor->settings;
        int64_t now_sec = (int64_t)time(NULL);
        size_t n_real = 0;

        if (!settings || settings->n_local_keys == 0) {
                return;
        }
        for (size_t i = 0; i < settings->n_local_keys; i++) {
                n_real += settings->local_keys[i].real;
                find_expiry(doctor, &settings->local_keys[i], now_sec);
        }
        doctor_fact(doctor, SECTION, "configured", "%zu, %zu of them with real tokens",
                    settings->n_local_keys, n_real);
}

/* ---- programs ---- */

/* "N times, last 5min ago", "once, 5min ago"; false: not lately. */
static bool tell_sighting(struct json_object *sighting, char *text, size_t size)
{
        char ago[DURATION_TEXT_MAX];
        int64_t ago_sec;

        if (!sighting || !field_seconds(sighting, "last_ago_sec", &ago_sec) || ago_sec > LATELY_SEC) {
                return false;
        }
        (void)duration_format((uint64_t)ago_sec * USEC_PER_SEC, ago);
        if (field_count(sighting, "count") == 1) {
                (void)snprintf(text, size, "once, %s ago", ago);
        } else {
                (void)snprintf(text, size, "%" PRId64 " times, last %s ago", field_count(sighting, "count"),
                               ago);
        }
        return true;
}

static void find_unknown_ids(struct doctor *doctor, struct json_object *environment)
{
        const char *name = field_text(environment, "name");
        char times[128], what[384], cure[640];

        if (!tell_sighting(field_object(environment, "unknown_ids"), times, sizeof(times))) {
                return;
        }
        (void)snprintf(what, sizeof(what),
                       "A program asked for a token of %.64s with an application ID that is neither a local "
                       "key's nor an access key's of this broker (%s).",
                       name, times);
        (void)snprintf(
                cure, sizeof(cure),
                "Find the program: journalctl -u eqp-brokerd -g 'local_key_refused|client id-'. "
                "Make it a local key, eqpctl local add NAME --environment %.64s --allow RULE, and put "
                "its ID and secret into the program's settings. This is reported until a day after the "
                "last time.",
                name);
        doctor_find(
                doctor, "unknown_id", what,
                "It may have its own access key, of another account, or a local key that was removed or "
                "mistyped. On the TCP port it is refused; on the unix socket, or with EQP-Client, it gets "
                "a token of this environment's account, whatever account it means.",
                cure);
}

void doctor_examine_programs(struct doctor *doctor)
{
        struct json_object *environments = field_array(doctor->status, "environments");
        char times[128], what[256];

        for (size_t i = 0; environments && i < json_object_array_length(environments); i++) {
                find_unknown_ids(doctor, json_object_array_get_idx(environments, i));
        }
        if (!tell_sighting(field_object(doctor->status, "without_environment"), times, sizeof(times))) {
                return;
        }
        (void)snprintf(what, sizeof(what),
                       "A program asked for /rest/..., without an environment in the path (%s).", times);
        doctor_find(doctor, "base_url_without_environment", what,
                    "The broker does not know which environment is meant, so the program is refused.",
                    "Write the environment behind the address in the program's base URL, as in "
                    "http://127.0.0.1:9377/sandbox. This is reported until a day after the last time.");
}

/* Status details: keys, those that may not work, trouble, files that were refused, local keys; and, in full,
 * where the environment is, how often it was asked, and the last answer of the EQP API that held no token. A
 * paragraph each. */
#include "ctl/status_details.h"

#include "ctl/key_words.h"
#include "ctl/paragraph.h"
#include "ctl/status_share.h"
#include "ctl/text.h"
#include "lib/duration.h"

#include <errno.h>

#define BUDGET_LOW_TENTHS 7

/* One paragraph of one text; nothing if there is no text. */
static int print_text(const struct paragraph_place *place, const char *label, const char *text,
                      enum style style)
{
        struct paragraph paragraph;
        int r;

        if (text[0] == '\0') {
                return 0;
        }

        r = paragraph_begin(&paragraph);
        if (r < 0) {
                return r;
        }
        (void)fputs(text, paragraph.stream);
        return paragraph_end(&paragraph, place, label, style);
}

/* ---- keys ---- */

static const char *label_of(struct json_object *key)
{
        const char *label = field_text(key, "label");

        return label[0] != '\0' ? label : "(no label)";
}

static void write_key(FILE *out, struct json_object *environment, struct json_object *key)
{
        const char *again = streq(field_text(key, "state"), "refused") ? " again" : "";
        char words[KEY_WORDS_MAX], wait[DURATION_TEXT_MAX];
        int64_t trial_sec;

        (void)fprintf(out, "%s %s", label_of(key), key_words(words, key, key_is_in_use(environment, key)));
        if (field_seconds(key, "trial_in_sec", &trial_sec)) {
                (void)fprintf(out, ", to be tried%s %s%s", again, trial_sec > 0 ? "in " : "now",
                              trial_sec > 0 ? duration_format((uint64_t)trial_sec * USEC_PER_SEC, wait)
                                            : "");
        }
        if (field_truth(key, "kept_old")) {
                (void)fputs(" (its file has changed; the key from before is still used)", out);
        }
}

/* One that cannot be relied on is worth a line while all is well: nobody looks when it is needed. */
static int print_doubt(const struct paragraph_place *place, struct json_object *environment,
                       struct json_object *key)
{
        struct paragraph paragraph;
        int r;

        if (!field_object(environment, "token") || !key_is_doubtful(key)) {
                return 0;
        }

        r = paragraph_begin(&paragraph);
        if (r < 0) {
                return r;
        }
        if (streq(field_text(key, "state"), "refused")) {
                (void)fprintf(
                        paragraph.stream,
                        "the key %s is refused, and could not obtain the next token; see: eqpctl doctor",
                        label_of(key));
        } else {
                (void)fprintf(paragraph.stream, "it is not known yet whether the key %s works",
                              label_of(key));
        }
        return paragraph_end(&paragraph, place, "warning", STYLE_WARNING);
}

static int print_keys(const struct paragraph_place *place, struct json_object *environment)
{
        struct json_object *keys = field_array(environment, "keys");
        size_t n = keys ? json_object_array_length(keys) : 0;
        enum style style = STYLE_PLAIN;
        struct paragraph paragraph;
        int r;

        if (n == 0) {
                return 0;
        }

        r = paragraph_begin(&paragraph);
        if (r < 0) {
                return r;
        }
        for (size_t i = 0; i < n; i++) {
                struct json_object *key = json_object_array_get_idx(keys, i);

                (void)fputs(i > 0 ? "; " : "", paragraph.stream);
                write_key(paragraph.stream, environment, key);
                if (key_is_doubtful(key) || field_truth(key, "kept_old")) {
                        style = STYLE_WARNING;
                }
        }

        r = paragraph_end(&paragraph, place, "keys", style);
        for (size_t i = 0; i < n && r == 0; i++) {
                r = print_doubt(place, environment, json_object_array_get_idx(keys, i));
        }
        return r;
}

static int print_refused_files(const struct paragraph_place *place, struct json_object *environment)
{
        struct json_object *files = field_array(environment, "key_files_refused");
        size_t n = files ? json_object_array_length(files) : 0;

        for (size_t i = 0; i < n; i++) {
                struct json_object *file = json_object_array_get_idx(files, i);
                struct paragraph paragraph;
                int r;

                r = paragraph_begin(&paragraph);
                if (r < 0) {
                        return r;
                }
                (void)fprintf(paragraph.stream, "%s is not used: %s", field_text(file, "file"),
                              field_text(file, "reason"));
                r = paragraph_end(&paragraph, place, "file", STYLE_WARNING);
                if (r < 0) {
                        return r;
                }
        }

        return 0;
}

/* ---- local keys ---- */

static void write_local_key(FILE *out, struct json_object *key)
{
        char ago[DURATION_TEXT_MAX];
        int64_t ago_sec;

        (void)fputs(field_text(key, "name"), out);
        if (field_seconds(key, "last_used_ago_sec", &ago_sec)) {
                (void)fprintf(out, " %s ago", duration_format((uint64_t)ago_sec * USEC_PER_SEC, ago));
        } else {
                (void)fputs(" not yet", out);
        }
}

/* One that was used before a restart of the daemon has "not yet" been used since. A daemon of an older
 * version does not tell. */
static int print_local_keys(const struct paragraph_place *place, struct json_object *environment)
{
        struct json_object *keys = field_array(environment, "local_keys");
        size_t n = keys ? json_object_array_length(keys) : 0;
        struct paragraph paragraph;
        int r;

        if (n == 0 ||
            !json_object_object_get_ex(json_object_array_get_idx(keys, 0), "last_used_ago_sec", NULL)) {
                return 0;
        }

        r = paragraph_begin(&paragraph);
        if (r < 0) {
                return r;
        }
        (void)fputs("keys, used last: ", paragraph.stream);
        for (size_t i = 0; i < n; i++) {
                (void)fputs(i > 0 ? ", " : "", paragraph.stream);
                write_local_key(paragraph.stream, json_object_array_get_idx(keys, i));
        }
        return paragraph_end(&paragraph, place, "local", STYLE_PLAIN);
}

/* ---- trouble ---- */

static int print_trouble(const struct paragraph_place *place, struct json_object *environment, bool full)
{
        struct json_object *trouble = field_object(environment, "last_trouble");
        int64_t failures = field_count(environment, "failures_in_row");
        bool over = failures == 0 && streq(field_text(environment, "state"), "valid");
        const char *message = field_text(trouble, "message");
        const char *key = field_text(trouble, "key");
        struct paragraph paragraph;
        char ago[DURATION_TEXT_MAX];
        int64_t ago_sec;
        int r;

        /* The reason why there is no token often says it already. */
        if (!trouble || (!full && strstr(field_text(environment, "why"), message))) {
                return 0;
        }

        r = paragraph_begin(&paragraph);
        if (r < 0) {
                return r;
        }
        /* Old trouble is shown as well, but quietly. */
        if (over) {
                (void)fputs("over; it was ", paragraph.stream);
        }
        if (field_seconds(trouble, "ago_sec", &ago_sec)) {
                (void)fprintf(paragraph.stream, "%s ago",
                              duration_format((uint64_t)ago_sec * USEC_PER_SEC, ago));
        }
        if (key[0] != '\0') {
                (void)fprintf(paragraph.stream, " with the key %s", key);
        }
        (void)fprintf(paragraph.stream, ": %s", message);
        if (failures > 1) {
                (void)fprintf(paragraph.stream, " (%lld failures in a row)", (long long)failures);
        }
        return paragraph_end(&paragraph, place, "trouble", over ? STYLE_DIM : STYLE_BAD);
}

/* ---- how often the EQP API was asked ---- */

static void write_outcomes(FILE *out, struct json_object *exchanges)
{
        static const struct {
                const char *field;
                const char *words;
        } outcomes[] = {
                { "granted", "succeeded" },
                { "key_refused", "key refused" },
                { "throttled", "throttled" },
                { "unavailable", "unavailable" },
                { "malformed", "not understood" },
                { "request_refused", "request refused" },
                { "other_account", "of another account" },
        };
        const char *separator = ": ";

        for (size_t i = 0; i < ARRAY_SIZE(outcomes); i++) {
                int64_t count = field_count(exchanges, outcomes[i].field);

                if (count <= 0) {
                        continue;
                }
                (void)fprintf(out, "%s%lld %s", separator, (long long)count, outcomes[i].words);
                separator = ", ";
        }
}

static int print_exchanges(const struct paragraph_place *place, struct json_object *environment, bool full)
{
        struct json_object *exchanges = field_object(environment, "exchanges");
        int64_t last_hour = field_count(exchanges, "last_hour");
        int64_t budget = field_count(exchanges, "hourly_budget");
        bool low = budget > 0 && last_hour > budget / 10 * BUDGET_LOW_TENTHS;
        struct paragraph paragraph;
        int r;

        if (!exchanges || (!full && !low)) {
                return 0;
        }

        r = paragraph_begin(&paragraph);
        if (r < 0) {
                return r;
        }
        (void)fprintf(paragraph.stream,
                      "%lld of %lld allowed in the last hour; %lld requests since the start",
                      (long long)last_hour, (long long)budget, (long long)field_count(exchanges, "total"));
        write_outcomes(paragraph.stream, exchanges);
        return paragraph_end(&paragraph, place, "asked", low ? STYLE_WARNING : STYLE_PLAIN);
}

static int print_odd_answer(const struct paragraph_place *place, struct json_object *environment)
{
        struct json_object *answer = field_object(environment, "last_unknown_answer");
        struct paragraph paragraph;
        int r;

        if (!answer) {
                return 0;
        }

        r = paragraph_begin(&paragraph);
        if (r < 0) {
                return r;
        }
        (void)fprintf(paragraph.stream, "the last without a token, %s: status %lld, %s",
                      field_text(answer, "at"), (long long)field_count(answer, "status"),
                      field_text(answer, "content_type"));
        if (field_text(answer, "message")[0] != '\0') {
                (void)fprintf(paragraph.stream, ": %s", field_text(answer, "message"));
        }
        return paragraph_end(&paragraph, place, "answer", STYLE_WARNING);
}

/* ---- all ---- */

static int print_full(const struct paragraph_place *place, struct json_object *environment)
{
        struct json_object *token = field_object(environment, "token");
        const char *account = field_text(environment, "account");
        int r;

        r = print_text(place, "url", field_text(environment, "base_url"), STYLE_PLAIN);
        if (r < 0) {
                return r;
        }
        r = print_text(place, "account", account[0] != '\0' ? account : field_text(token, "mage_id"),
                       STYLE_PLAIN);
        if (r < 0) {
                return r;
        }
        return print_text(place, "until", field_text(token, "expires_at"), STYLE_PLAIN);
}

int status_details_print(FILE *out, const struct status_row *row, const struct terminal *terminal,
                         unsigned indent, bool full)
{
        const struct paragraph_place place = { out, terminal, indent };
        int r;

        r = print_text(&place, "why", field_text(row->environment, "why"), row->style);
        if (r < 0) {
                return r;
        }
        r = full ? print_full(&place, row->environment) : 0;
        if (r < 0) {
                return r;
        }
        r = print_keys(&place, row->environment);
        if (r < 0) {
                return r;
        }
        r = print_refused_files(&place, row->environment);
        if (r < 0) {
                return r;
        }
        r = print_local_keys(&place, row->environment);
        if (r < 0) {
                return r;
        }
        r = status_share_print(&place, row->environment, full);
        if (r < 0) {
                return r;
        }
        r = print_trouble(&place, row->environment, full);
        if (r < 0) {
                return r;
        }
        r = print_exchanges(&place, row->environment, full);
        if (r < 0) {
                return r;
        }
        return full ? print_odd_answer(&place, row->environment) : 0;
}

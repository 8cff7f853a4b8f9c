/* Passed and refused requests, for the log. */
#include "daemon/frontend/gateway/gateway_audit.h"

#include "daemon/base/clock.h"
#include "daemon/base/journal.h"
#include "daemon/base/timer.h"
#include "lib/line_share.h"
#include "lib/util.h"

#include <inttypes.h>
#include <stdio.h>

#define READERS_MAX 64 /* that are told apart within a minute */
#define PATH_SHOWN  300

/* Of reads: one line per this time, and so many at once. */
#define READS_USEC  USEC_PER_SEC
#define READS_BURST (2 * READERS_MAX)

/* Of changes, and of refused requests: the same for all callers together, and for each. A caller that uses
 * all lanes, or is refused as fast as can be, keeps no line about another one out of the log. All lines
 * together are fewer than the CHILD_RECORDS_A_MINUTE that the keeper takes from the frontend. */
struct limits {
        uint64_t usec;
        unsigned burst;
        uint64_t each_usec;
        unsigned each_burst;
};

static const struct limits limits_of_changes = { 50 * USEC_PER_MSEC, 1000, 200 * USEC_PER_MSEC, 300 };
static const struct limits limits_of_refused = { USEC_PER_SEC, 120, 10 * USEC_PER_SEC, 20 };

struct reader {
        bool known;
        uid_t uid;
        char local[LOCAL_KEY_NAME_MAX + 1];
        char environment[ENVIRONMENT_NAME_MAX + 1];
        uint64_t n, n_failed, n_out;
};

/* Of one kind. */
struct lines {
        struct line_budget all; /* counts what is kept back, for whichever reason */
        struct line_shares each;
};

struct gateway_audit {
        struct reader readers[READERS_MAX];
        size_t n_readers;
        uint64_t n_others; /* for whom there was no place */
        sd_event_source *timer;
        struct lines changes, refused;
        struct line_budget reads;
};

/* ---- lines ---- */

static bool may_say(struct lines *lines, const struct limits *limits, const struct gateway_audit_what *what,
                    uint64_t now_usec)
{
        struct line_caller caller = { .known = what->known, .uid = what->uid };

        memcpy(caller.local, what->local, sizeof(caller.local));
        if (!line_shares_spend(&lines->each, &caller, limits->each_usec, limits->each_burst, now_usec)) {
                lines->all.n_kept_back++;
                return false;
        }
        return line_budget_spend(&lines->all, limits->usec, limits->burst, now_usec);
}

static void say(const char *id, int priority, const struct gateway_audit_what *what, const char *text)
{
        char uid[16];

        (void)snprintf(uid, sizeof(uid), "%u", what->uid);
        journal_say(&(struct journal_record){ .priority = priority,
                                              .id = id,
                                              .environment = *what->environment ? what->environment : NULL,
                                              .client = *what->client ? what->client : NULL,
                                              .uid = what->known ? uid : NULL },
                    "%s", text);
}

/* "uid 1000 local key reports client nightly". */
static const char *describe(const struct gateway_audit_what *what, char *text, size_t size)
{
        if (!what->known) {
                (void)snprintf(text, size, "an unknown caller");
                return text;
        }
        (void)snprintf(text, size, "uid %u%s%s%s%s", what->uid, *what->local ? " local key " : "",
                       what->local, *what->client ? " client " : "", what->client);
        return text;
}

/* The path as it may be logged: visible ASCII, not too long. */
static const char *show_path(const struct gateway_audit_what *what, char text[static PATH_SHOWN + 4])
{
        size_t n = MIN_OF(what->path_length, (size_t)PATH_SHOWN);

        for (size_t i = 0; i < n; i++) {
                text[i] = what->path[i];
                if (text[i] < 0x21 || text[i] > 0x7e) {
                        text[i] = '?';
                }
        }
        (void)snprintf(text + n, 4, "%s", n < what->path_length ? "..." : "");
        return text;
}

static void say_change(struct gateway_audit *audit, const struct gateway_audit_what *what,
                       const struct gateway_audit_how *how, uint64_t now_usec)
{
        char who[160], path[PATH_SHOWN + 4], text[1024], kept_back[LINE_BUDGET_TEXT_MAX], status[64];

        if (!may_say(&audit->changes, &limits_of_changes, what, now_usec)) {
                return;
        }
        (void)snprintf(status, sizeof(status), "%u%s%s%s", how->status, how->slug ? " " : "",
                       how->slug ? how->slug : "", how->cut_off ? ", cut off" : "");
        (void)line_budget_kept_back(&audit->changes.all, kept_back);
        (void)snprintf(text, sizeof(text),
                       "%s %s passed on for %s (rule %s): %s, %" PRIu64 " bytes in, %" PRIu64
                       " out, token %" PRIu64 "%s%s",
                       what->method, show_path(what, path), describe(what, who, sizeof(who)), what->rule,
                       how->status == 0 ? "no answer" : status, how->n_in, how->n_out, how->serial,
                       how->repeated ? " (the one before was refused)" : "", kept_back);
        say(EVENT_GATEWAY_CHANGE, LOG_INFO, what, text);
}

void gateway_audit_refused(struct gateway_audit *audit, const struct gateway_audit_what *what,
                           unsigned status, const char *slug, uint64_t now_usec)
{
        char who[160], path[PATH_SHOWN + 4], text[1024], kept_back[LINE_BUDGET_TEXT_MAX], number[16] = "";

        if (!may_say(&audit->refused, &limits_of_refused, what, now_usec)) {
                return;
        }
        if (status > 0) {
                (void)snprintf(number, sizeof(number), "%u ", status);
        }
        (void)line_budget_kept_back(&audit->refused.all, kept_back);
        (void)snprintf(text, sizeof(text), "%s %s not passed on for %s: %s%s%s%s%s%s", what->method,
                       show_path(what, path), describe(what, who, sizeof(who)), number, slug ? slug : "",
                       *what->rule ? " (rule " : "", what->rule, *what->rule ? ")" : "", kept_back);
        say(EVENT_GATEWAY_REFUSED, LOG_NOTICE, what, text);
}

/* ---- reads ---- */

static void say_reads(struct gateway_audit *audit, const struct reader *reader, uint64_t now_usec)
{
        struct gateway_audit_what what = { .known = reader->known, .uid = reader->uid };
        char who[160], text[320], kept_back[LINE_BUDGET_TEXT_MAX];

        if (!line_budget_spend(&audit->reads, READS_USEC, READS_BURST, now_usec)) {
                return;
        }
        (void)snprintf(what.local, sizeof(what.local), "%s", reader->local);
        (void)snprintf(what.environment, sizeof(what.environment), "%s", reader->environment);
        (void)line_budget_kept_back(&audit->reads, kept_back);
        (void)snprintf(text, sizeof(text),
                       "%" PRIu64 " reads passed on for %s within a minute, %" PRIu64
                       " of them without success, %" PRIu64 " bytes out%s",
                       reader->n, describe(&what, who, sizeof(who)), reader->n_failed, reader->n_out,
                       kept_back);
        say(EVENT_GATEWAY_READS, LOG_INFO, &what, text);
}

static void say_all_reads(struct gateway_audit *audit, uint64_t now_usec)
{
        for (size_t i = 0; i < audit->n_readers; i++) {
                say_reads(audit, &audit->readers[i], now_usec);
        }
        if (audit->n_others > 0) {
                journal_say(&(struct journal_record){ .priority = LOG_INFO, .id = EVENT_GATEWAY_READS },
                            "%" PRIu64 " reads passed on for others within a minute", audit->n_others);
        }
        audit->n_readers = 0;
        audit->n_others = 0;
}

static int on_minute(sd_event_source *source, uint64_t usec, void *userdata)
{
        say_all_reads(userdata, clock_now_usec());
        return 0;
}

static struct reader *find_reader(struct gateway_audit *audit, const struct gateway_audit_what *what)
{
        for (size_t i = 0; i < audit->n_readers; i++) {
                struct reader *reader = &audit->readers[i];
                if (reader->known == what->known && reader->uid == what->uid &&
                    streq(reader->local, what->local) && streq(reader->environment, what->environment)) {
                        return reader;
                }
        }
        if (audit->n_readers == READERS_MAX) {
                return NULL;
        }
        struct reader *reader = &audit->readers[audit->n_readers++];
        *reader = (struct reader){ .known = what->known, .uid = what->uid };
        (void)snprintf(reader->local, sizeof(reader->local), "%s", what->local);
        (void)snprintf(reader->environment, sizeof(reader->environment), "%s", what->environment);
        return reader;
}

static void sum_up(struct gateway_audit *audit, const struct gateway_audit_what *what,
                   const struct gateway_audit_how *how)
{
        if (audit->n_readers == 0 && audit->n_others == 0) {
                timer_start_in(audit->timer, USEC_PER_MIN);
        }
        struct reader *reader = find_reader(audit, what);
        if (!reader) {
                audit->n_others++;
                return;
        }
        reader->n++;
        reader->n_failed += how->status < 200 || how->status >= 400 || how->cut_off;
        reader->n_out += how->n_out;
}

static bool is_read(const char *method)
{
        return streq(method, "GET") || streq(method, "HEAD") || streq(method, "OPTIONS");
}

void gateway_audit_passed(struct gateway_audit *audit, const struct gateway_audit_what *what,
                          const struct gateway_audit_how *how, uint64_t now_usec)
{
        if (is_read(what->method)) {
                sum_up(audit, what, how);
        } else {
                say_change(audit, what, how, now_usec);
        }
}

/* ---- life ---- */

int gateway_audit_new(struct gateway_audit **ret, sd_event *event)
{
        _cleanup_free_ struct gateway_audit *audit = calloc(1, sizeof(*audit));

        if (!audit) {
                return -ENOMEM;
        }
        int r = timer_new(&audit->timer, event, CLOCK_MONOTONIC, on_minute, audit, "gateway reads");
        if (r < 0) {
                return r;
        }
        *ret = take_ptr(audit);
        return 0;
}

struct gateway_audit *gateway_audit_free(struct gateway_audit *audit)
{
        if (audit) {
                say_all_reads(audit, clock_now_usec());
                sd_event_source_disable_unref(audit->timer);
                free(audit);
        }
        return NULL;
}

/* Which caller got which environment's token, and which was refused.
 *
 * Two small tables of what was said lately. A slot is found by a hash and holds for sure what it was said
 * of, so that nobody can pass for somebody else; where too many want the same slots, the oldest goes, at the
 * cost of a repeated line. Neither the tables nor the log grow without bound: each kind of line has a
 * budget, as callers may give themselves any name, and some may take on many uids. */
#include "daemon/frontend/callers/audit.h"

#include "daemon/base/journal.h"
#include "lib/line_budget.h"
#include "lib/names.h"
#include "lib/util.h"

#include <errno.h>
#include <stdio.h>

#define SLOTS      256
#define NEIGHBOURS 8 /* slots that are looked through from where the hash points to */
#define QUIET_USEC (60 * USEC_PER_SEC)

/* One line of each kind per this time, and so many at once. */
#define HANDED_OUT_USEC  (100 * USEC_PER_MSEC)
#define HANDED_OUT_BURST 1000
#define REFUSED_USEC     USEC_PER_SEC
#define REFUSED_BURST    120

struct handed_out {
        uint64_t hash;
        bool known;
        uid_t uid;
        char client[CLIENT_NAME_MAX + 1];
        char local[LOCAL_KEY_NAME_MAX + 1];
        char environment[ENVIRONMENT_NAME_MAX + 1];
        uint64_t session_serial; /* 0: the slot is free */
        uint64_t said_usec;
};

struct refused {
        bool known;
        uid_t uid;
        const char *slug;   /* static; NULL: the slot is free */
        uint64_t said_usec; /* also once it is too long ago to count */
        uint64_t n_kept_back;
};

struct audit {
        struct handed_out handed_out[SLOTS];
        struct refused refused[SLOTS];
        struct line_budget handed_out_budget, refused_budget;
};

/* FNV-1a: only to find a slot; nothing is decided by it. */
static uint64_t hash(uint64_t seed, const void *data, size_t size)
{
        const unsigned char *bytes = data;
        uint64_t value = seed ? seed : UINT64_C(14695981039346656037);

        for (size_t i = 0; i < size; i++) {
                value = (value ^ bytes[i]) * UINT64_C(1099511628211);
        }
        return value;
}

static uint64_t caller_hash(const struct audit_caller *caller, bool named, const char *what)
{
        const struct peer *peer = caller->peer;
        uint64_t value = hash(0, what, strlen(what));

        value = hash(value, &peer->known, sizeof(peer->known));
        value = hash(value, &peer->uid, sizeof(peer->uid));
        if (named && caller->local) {
                value = hash(value, caller->local, strlen(caller->local) + 1);
        }
        return named && caller->client ? hash(value, caller->client, strlen(caller->client)) : value;
}

/* "uid 1000 pid 4711 client nightly-upload local key reports". */
static void describe_caller(const struct audit_caller *caller, char *text, size_t size)
{
        const struct peer *peer = caller->peer;
        const char *client = caller->client;
        char pid[32] = "";

        if (!peer->known) {
                (void)snprintf(text, size, "an unknown caller (%s)", peer->why ? peer->why : "no reason");
                return;
        }
        if (peer->pid > 0) {
                (void)snprintf(pid, sizeof(pid), " pid %d", (int)peer->pid);
        }
        (void)snprintf(text, size, "uid %u%s%s%s%s%s", peer->uid, pid, client ? " client " : "",
                       client ? client : "", caller->local ? " local key " : "",
                       caller->local ? caller->local : "");
}

static void say(const struct audit_caller *caller, int priority, const char *id, const char *environment,
                const char *text)
{
        const struct peer *peer = caller->peer;
        char uid[16];

        (void)snprintf(uid, sizeof(uid), "%u", peer->uid);
        journal_say(&(struct journal_record){ .priority = priority,
                                              .id = id,
                                              .environment = environment,
                                              .client = caller->client,
                                              .uid = peer->known ? uid : NULL },
                    "%s", text);
}

/* The slot of this caller and environment, or the one to use for it. */
static struct handed_out *find_handed_out(struct audit *audit, uint64_t hash,
                                          const struct audit_caller *caller, const char *environment)
{
        const char *client = caller->client ? caller->client : "",
                   *local = caller->local ? caller->local : "";
        const struct peer *peer = caller->peer;
        struct handed_out *oldest = NULL;

        for (size_t i = 0; i < NEIGHBOURS; i++) {
                struct handed_out *slot = &audit->handed_out[(hash + i) % SLOTS];
                if (slot->session_serial != 0 && slot->hash == hash && slot->known == peer->known &&
                    slot->uid == peer->uid && streq(slot->client, client) && streq(slot->local, local) &&
                    streq(slot->environment, environment)) {
                        return slot;
                }
                if (!oldest || slot->said_usec < oldest->said_usec) {
                        oldest = slot;
                }
        }
        oldest->session_serial = 0;
        return oldest;
}

void audit_handed_out(struct audit *audit, const struct audit_caller *caller, const char *environment,
                      const struct session *session, bool opaque, uint64_t now_usec)
{
        const struct peer *peer = caller->peer;
        uint64_t found = caller_hash(caller, /* named= */ true, environment);
        struct handed_out *slot = find_handed_out(audit, found, caller, environment);
        char who[208], text[320], kept_back[LINE_BUDGET_TEXT_MAX];

        if (slot->session_serial == session->serial ||
            !line_budget_spend(&audit->handed_out_budget, HANDED_OUT_USEC, HANDED_OUT_BURST, now_usec)) {
                return;
        }
        *slot = (struct handed_out){ .hash = found,
                                     .known = peer->known,
                                     .uid = peer->uid,
                                     .session_serial = session->serial,
                                     .said_usec = now_usec };
        (void)snprintf(slot->client, sizeof(slot->client), "%s", caller->client ? caller->client : "");
        (void)snprintf(slot->local, sizeof(slot->local), "%s", caller->local ? caller->local : "");
        (void)snprintf(slot->environment, sizeof(slot->environment), "%s", environment);
        describe_caller(caller, who, sizeof(who));
        (void)line_budget_kept_back(&audit->handed_out_budget, kept_back);
        (void)snprintf(text, sizeof(text), "%stoken handed out to %s%s", opaque ? "opaque " : "", who,
                       kept_back);
        say(caller, LOG_INFO, opaque ? EVENT_OPAQUE_HANDED_OUT : EVENT_TOKEN_HANDED_OUT, environment, text);
}

/* The slot of this caller and reason, or the one to use for it. The client name does not count: a refused
 * caller may use any. */
static struct refused *find_refused(struct audit *audit, const struct audit_caller *caller, const char *slug)
{
        const struct peer *peer = caller->peer;
        uint64_t hash = caller_hash(caller, /* named= */ false, slug);
        struct refused *oldest = NULL;

        for (size_t i = 0; i < NEIGHBOURS; i++) {
                struct refused *slot = &audit->refused[(hash + i) % SLOTS];
                if (slot->slug && slot->known == peer->known && slot->uid == peer->uid &&
                    streq(slot->slug, slug)) {
                        return slot;
                }
                if (!oldest || slot->said_usec < oldest->said_usec) {
                        oldest = slot;
                }
        }
        *oldest = (struct refused){ .known = peer->known, .uid = peer->uid };
        return oldest;
}

void audit_refused(struct audit *audit, const struct audit_caller *caller, const char *id, const char *slug,
                   uint64_t now_usec)
{
        struct refused *slot = find_refused(audit, caller, slug);
        char who[208], text[448], more[64] = "", kept_back[LINE_BUDGET_TEXT_MAX];

        if (slot->slug && now_usec < slot->said_usec + QUIET_USEC) {
                slot->n_kept_back++;
                return;
        }
        if (!line_budget_spend(&audit->refused_budget, REFUSED_USEC, REFUSED_BURST, now_usec)) {
                return;
        }
        if (slot->n_kept_back > 0) {
                char times[32] = "once";
                if (slot->n_kept_back > 1) {
                        (void)snprintf(times, sizeof(times), "%llu times",
                                       (unsigned long long)slot->n_kept_back);
                }
                (void)snprintf(more, sizeof(more), " (and %s since the last such line)", times);
        }
        slot->slug = slug;
        slot->said_usec = now_usec;
        slot->n_kept_back = 0;
        describe_caller(caller, who, sizeof(who));
        (void)line_budget_kept_back(&audit->refused_budget, kept_back);
        (void)snprintf(text, sizeof(text), "refused %s: %s%s%s", who, slug, more, kept_back);
        say(caller, LOG_NOTICE, id, NULL, text);
}

int audit_new(struct audit **ret)
{
        struct audit *audit = calloc(1, sizeof(*audit));
        if (!audit) {
                return -ENOMEM;
        }
        *ret = audit;
        return 0;
}

struct audit *audit_free(struct audit *audit)
{
        free(audit);
        return NULL;
}

void audit_reload(const struct audit_caller *caller)
{
        char who[208], text[256];

        describe_caller(caller, who, sizeof(who));
        (void)snprintf(text, sizeof(text), "a reload is asked for by %s", who);
        say(caller, LOG_INFO, NULL, NULL, text);
}

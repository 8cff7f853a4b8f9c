/* Who got which environment's token, and who was refused.
 *
 * Two small tables of what was said lately, each slot found by a hash; a collision costs at most a repeated
 * line. The tables do not grow: a thousand callers make more lines, never more memory. */
#include "daemon/audit.h"

#include "daemon/journal.h"
#include "lib/util.h"

#include <errno.h>
#include <stdio.h>

#define SLOTS      256
#define QUIET_USEC (60 * USEC_PER_SEC)

struct handed_out {
        uint64_t caller; /* hash */
        uint64_t session_serial;
};

struct refused {
        uint64_t what; /* hash of caller and reason */
        uint64_t said_usec;
        uint64_t n_kept_back;
};

struct audit {
        struct handed_out handed_out[SLOTS];
        struct refused refused[SLOTS];
};

/* FNV-1a: only to find a slot and to tell callers apart in a log; nothing is decided by it. */
static uint64_t hash(uint64_t seed, const void *data, size_t size)
{
        const unsigned char *bytes = data;
        uint64_t value = seed ? seed : UINT64_C(14695981039346656037);

        for (size_t i = 0; i < size; i++) {
                value = (value ^ bytes[i]) * UINT64_C(1099511628211);
        }
        return value;
}

static const char *client_of(const struct request *request)
{
        return request->facts.n_clients == 1 &&
                               client_name_valid(request->facts.client, strlen(request->facts.client))
                       ? request->facts.client
                       : NULL;
}

static uint64_t caller_hash(const struct request *request, const char *what)
{
        const struct peer *peer = &request->connection->peer;
        const char *client = client_of(request);
        uint64_t value = hash(0, what, strlen(what));

        value = hash(value, &peer->known, sizeof(peer->known));
        value = hash(value, &peer->uid, sizeof(peer->uid));
        return client ? hash(value, client, strlen(client)) : value;
}

/* "uid 1000 (pid 4711, nightly-upload) on the unix socket". */
static void describe_caller(const struct request *request, char *text, size_t size)
{
        const struct peer *peer = &request->connection->peer;
        const char *client = client_of(request);
        char pid[32] = "";

        if (!peer->known) {
                (void)snprintf(text, size, "an unknown caller (%s)", peer->why ? peer->why : "no reason");
                return;
        }
        if (peer->pid > 0) {
                (void)snprintf(pid, sizeof(pid), " pid %d", (int)peer->pid);
        }
        (void)snprintf(text, size, "uid %u%s%s%s", peer->uid, pid, client ? " client " : "",
                       client ? client : "");
}

static void say(const struct request *request, int priority, const char *id, const char *environment,
                const char *text)
{
        const struct peer *peer = &request->connection->peer;
        char uid[16];

        (void)snprintf(uid, sizeof(uid), "%u", peer->uid);
        journal_say(&(struct journal_record){ .priority = priority,
                                              .id = id,
                                              .environment = environment,
                                              .client = client_of(request),
                                              .uid = peer->known ? uid : NULL },
                    "%s", text);
}

void audit_handed_out(struct audit *audit, const struct request *request,
                      const struct environment *environment, const struct session *session)
{
        uint64_t caller = caller_hash(request, environment->name);
        struct handed_out *slot = &audit->handed_out[caller % SLOTS];
        char who[160], text[256];

        if (slot->caller == caller && slot->session_serial == session->serial) {
                return;
        }
        slot->caller = caller;
        slot->session_serial = session->serial;
        describe_caller(request, who, sizeof(who));
        (void)snprintf(text, sizeof(text), "token handed out to %s", who);
        say(request, LOG_INFO, EVENT_TOKEN_HANDED_OUT, environment->name, text);
}

void audit_refused(struct audit *audit, const struct request *request, const char *slug, uint64_t now_usec)
{
        uint64_t what = caller_hash(request, slug);
        struct refused *slot = &audit->refused[what % SLOTS];
        char who[160], text[320], more[64] = "";

        if (slot->what == what && slot->said_usec > 0 && now_usec < slot->said_usec + QUIET_USEC) {
                slot->n_kept_back++;
                return;
        }
        if (slot->what == what && slot->n_kept_back > 0) {
                (void)snprintf(more, sizeof(more), " (and %llu times since the last such line)",
                               (unsigned long long)slot->n_kept_back);
        }
        *slot = (struct refused){ .what = what, .said_usec = now_usec };
        describe_caller(request, who, sizeof(who));
        (void)snprintf(text, sizeof(text), "refused %s: %s%s", who, slug, more);
        say(request, LOG_NOTICE, EVENT_CALLER_REFUSED, NULL, text);
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

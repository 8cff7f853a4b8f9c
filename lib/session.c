/* A session token as it was granted. Nobody changes a session after session_new(); holders only count. */
#include "lib/session.h"

#include "lib/secret.h"
#include "lib/util.h"

#include <assert.h>
#include <errno.h>

int session_new(struct session **ret, const struct grant *grant, uint64_t serial, uint64_t sent_usec,
                const char *key_label)
{
        size_t token_size = strlen(grant->ust) + 1;
        struct session *session = secret_alloc(sizeof(*session) + token_size);
        if (!session) {
                return -ENOMEM;
        }
        session->n_references = 1;
        session->serial = serial;
        session->sent_usec = sent_usec;
        session->lifetime_sec = grant->lifetime_sec;
        session->expires_usec = usec_add(sent_usec, grant->lifetime_sec * USEC_PER_SEC);
        strncpy(session->key_label, key_label, sizeof(session->key_label) - 1);
        memcpy(session->mage_id, grant->mage_id, sizeof(session->mage_id));
        memcpy(session->ust, grant->ust, token_size);
        *ret = session;
        return 0;
}

struct session *session_ref(struct session *session)
{
        if (session) {
                assert(session->n_references > 0 && session->n_references < UINT32_MAX);
                session->n_references++;
        }
        return session;
}

struct session *session_unref(struct session *session)
{
        if (session) {
                assert(session->n_references > 0);
                if (--session->n_references == 0) {
                        (void)secret_free(session);
                }
        }
        return NULL;
}

void session_unrefp(struct session **session)
{
        *session = session_unref(*session);
}

uint32_t session_left_sec(const struct session *session, uint64_t now_usec)
{
        return session ? (uint32_t)(usec_sub(session->expires_usec, now_usec) / USEC_PER_SEC) : 0;
}

bool session_alive(const struct session *session, uint64_t now_usec)
{
        return session && now_usec < session->expires_usec;
}

bool session_has_token(const struct session *session, const char *text, size_t length)
{
        return strlen(session->ust) == length && secret_equal(session->ust, text, length);
}

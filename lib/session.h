/* A session token as it was granted: immutable, counted, one block of secret memory, wiped at the last
 * release. */
#pragma once

#include "lib/names.h"
#include "lib/token_exchange.h"

#include <stdbool.h>
#include <stdint.h>

struct session {
        unsigned n_references;
        uint64_t serial;    /* grows with every session of an environment; names it where the token must not
                               appear */
        uint64_t sent_usec; /* CLOCK_BOOTTIME when it was asked for; its life counts from here */
        uint64_t expires_usec; /* CLOCK_BOOTTIME */
        uint32_t lifetime_sec; /* as granted */
        char key_label[KEY_LABEL_MAX + 1];
        char mage_id[MAGE_ID_MAX + 1];
        char ust[]; /* the token */
};

/* Makes a session with one reference, owned by the caller. -ENOMEM. */
int session_new(struct session **ret, const struct grant *grant, uint64_t serial, uint64_t sent_usec,
                const char *key_label);

/* One more reference; NULL is fine. Returns its argument. */
struct session *session_ref(struct session *session);

/* Lets a reference go; the last one wipes and frees. NULL is fine. Returns NULL. */
struct session *session_unref(struct session *session);
void session_unrefp(struct session **session);

/* Whole seconds of life left, rounded down; 0 for an expired session and for NULL. */
uint32_t session_left_sec(const struct session *session, uint64_t now_usec);

/* Is there any life left? False for NULL. */
bool session_alive(const struct session *session, uint64_t now_usec);

/* Is this text the token? In a time that does not depend on where they differ. */
bool session_has_token(const struct session *session, const char *text, size_t length);

/* The knowledge that is to survive a restart beside the sessions, and its text: keys, accounts and
 * budgets, of environments that there are and of those that were removed a short time ago. It holds no
 * secret: keys are keyed digests. */
#pragma once

#include "lib/exchange_ledger.h"
#include "lib/refresh_past.h"
#include "lib/saved_sessions.h"

#include <stddef.h>
#include <stdint.h>

#define KNOWLEDGE_VERSION      1
#define SAVED_KNOWLEDGE_MAX    (1024 * 1024) /* bytes of text */
#define KNOWN_KEYS_MAX         12            /* of one environment */
#define KNOWN_GONE_MAX         64            /* environments that were removed */
#define KNOWN_ENVIRONMENTS_MAX (SETTINGS_ENVIRONMENTS_MAX + KNOWN_GONE_MAX)
/* For so long a removed environment is remembered. */
#define KNOWN_GONE_USEC UINT64_C(3600000000)

struct known_key {
        uint8_t digest[KEYED_DIGEST_SIZE]; /* of its content */
        struct key_knowledge known;        /* never untried: of that there is nothing to know */
};

struct known_environment {
        char name[ENVIRONMENT_NAME_MAX + 1];
        char base_url[BASE_URL_MAX + 1];
        char account[MAGE_ID_MAX + 1]; /* whose tokens it serves; "": not known */
        uint64_t gone_usec;            /* when it was removed; 0: it is there */
        struct refresh_past past;
        struct known_key keys[KNOWN_KEYS_MAX];
        size_t n_keys;
};

struct saved_knowledge {
        uint64_t number; /* 1 and up; the highest is the newest */
        char boot_id[SAVED_BOOT_ID_LENGTH + 1];
        uint8_t salt[KEYED_SALT_SIZE];
        struct known_environment *environments[KNOWN_ENVIRONMENTS_MAX];
        size_t n_environments;
        struct exchange_ledger *ledger;
        bool owns_ledger; /* else it is lent */
};

/* An empty one, without a ledger, which is to be lent before it is written. NULL: no memory. */
struct saved_knowledge *saved_knowledge_new(void);
/* NULL is fine; returns NULL. */
struct saved_knowledge *saved_knowledge_free(struct saved_knowledge *saved);
void saved_knowledge_freep(struct saved_knowledge **saved);

/* One more environment in it, all zero. NULL: no memory, or no room. */
struct known_environment *saved_knowledge_add(struct saved_knowledge *saved);

/* Writes the text (JSON on one line, no NUL at its end) into a block that is the caller's for secret_free().
 * -ENOMEM. -E2BIG: it would be longer than SAVED_KNOWLEDGE_MAX. */
int saved_knowledge_format(const struct saved_knowledge *saved, char **ret, size_t *ret_length);

/* Reads a text. Only what saved_knowledge_format() writes, byte by byte, is taken, and everything is bounded
 * and in order. It owns its ledger. -EBADMSG: *reterr_why says in what way, a static text. -ENOMEM. */
int saved_knowledge_parse(const char *text, size_t length, struct saved_knowledge **ret,
                          const char **reterr_why);

/* Could a process have left this by now? False if any of it lies in a time to come. */
bool known_environment_possible(const struct known_environment *known, uint64_t now_usec);

/* Puts in what another memory has of the same environment: all that either knows to have been sent, of which
 * this one knows what for; the latest if it is too much. As to what the upstream wished and refused, the one
 * that sent last knows. */
void refresh_past_join(struct refresh_past *past, const struct refresh_past *other);

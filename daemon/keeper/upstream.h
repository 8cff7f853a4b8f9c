/* The one narrow door to the exchange side, where keys and libcurl are.
 *
 * Through it pass values only: an environment's name, a key's serial and label, a lifetime; back come an
 * outcome in words and numbers and, when granted, a session; and a digest to tell keys apart by. No pointer
 * to a key ever passes. It is meant to become a process of its own some day: whoever uses this header would
 * not notice. */
#pragma once

#include "lib/keyring.h"
#include "lib/session.h"
#include "lib/settings.h"
#include "lib/token_exchange.h"

#include <systemd/sd-event.h>

struct upstream;
struct upstream_exchange;

/* The outcome of one exchange. */
struct upstream_report {
        enum exchange_outcome outcome;
        const struct grant
                *grant; /* EXCHANGE_GRANTED only; for the length of the call; to be copied into a session */
        uint32_t retry_after_sec; /* or RETRY_AFTER_NONE */
        long status;              /* HTTP status, 0: no answer */
        const char *why;          /* for people; these texts live for the length of the call */
        const char *content_type;
        const char *header_names;
        const struct answer_excerpt *excerpt;
};

/* A key file that gives no key. */
struct upstream_refusal {
        const char *file;
        const char *environment; /* "" if unknown */
        const char *reason;
        bool denied; /* for lack of a permission */
};

typedef void (*upstream_done_fn)(const struct upstream_report *report, void *userdata);
/* Key files changed: ask upstream_keys() for every environment. */
typedef void (*upstream_keys_fn)(void *userdata);
typedef bool (*upstream_known_fn)(const char *environment, void *userdata);

/* known: which environments there are; keys_changed: called from the loop when watched files changed.
 * -ENOMEM and others. */
int upstream_new(struct upstream **ret, sd_event *event, const struct settings *settings,
                 upstream_known_fn known, upstream_keys_fn keys_changed, void *userdata);
/* All exchanges must have been let go. NULL is fine; returns NULL. */
struct upstream *upstream_free(struct upstream *upstream);

/* Reads the key files (again), under these settings. -ENOMEM. */
int upstream_load_keys(struct upstream *upstream, const struct settings *settings);

/* What keys an environment has, in name order; returns how many. That a file was written again is told once.
 */
size_t upstream_keys(struct upstream *upstream, const char *environment,
                     struct key_name ret[static KEYS_PER_ENVIRONMENT_MAX]);

/* Keys whose files changed are held on until this says which ones are still wanted. */
void upstream_retain_keys(struct upstream *upstream, const char *environment, const uint64_t *serials,
                          size_t n);

/* A keyed digest of a key that is held: whether two are the same can be told by it, and nothing else.
 * -ENOKEY, -EIO. */
#define UPSTREAM_SALT_SIZE   32
#define UPSTREAM_DIGEST_SIZE 32
int upstream_key_digest(const struct upstream *upstream, uint64_t key_serial,
                        const uint8_t salt[static UPSTREAM_SALT_SIZE],
                        uint8_t ret[static UPSTREAM_DIGEST_SIZE]);

/* The i-th key file that is not used; false: there are no more. */
bool upstream_refusal(const struct upstream *upstream, size_t i, struct upstream_refusal *ret);

/* Is this the application ID of a key that is held? Then it is not to be logged. */
bool upstream_knows_id(const struct upstream *upstream, const char *id);

const char *upstream_keys_directory(const struct upstream *upstream);

/* Is that the service manager's, where nobody can put a file? */
bool upstream_keys_are_credentials(const struct upstream *upstream);

/* The key that upstream_offer_key() read, for upstream_exchange(). */
#define UPSTREAM_KEY_OFFERED UINT64_MAX

/* Reads one key, a line as in a key file, from a descriptor; may block. It belongs to no environment, is
 * only for being tried, and replaces the one that was offered before. -EINVAL (that is no key) and others:
 * reterr_why says what is wrong, and never quotes it. */
int upstream_offer_key(struct upstream *upstream, int fd, char *reterr_why, size_t size);

/* Asks for a session. done is called once, never from within, unless upstream_exchange_free() comes first.
 * -ENOKEY: the key is not held any more; -ENOMEM. */
int upstream_exchange(struct upstream_exchange **ret, struct upstream *upstream,
                      const struct environment_settings *environment, uint64_t key_serial,
                      upstream_done_fn done, void *userdata);

/* Letting go cancels; fine from within the done function. NULL is fine; returns NULL. */
struct upstream_exchange *upstream_exchange_free(struct upstream_exchange *exchange);

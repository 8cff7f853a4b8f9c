/* The access keys of one environment as the refresh machine sees them: names and states, never a secret.
 *
 * A key is *proven* once it has obtained a token. It *rests* after the upstream refused it. When the file of
 * a proven key changes, the new key stands in front of the old one and is tried first; the old one is *kept*
 * until the new one is proven, so that a typing error in a file costs nothing. */
#pragma once

#include "lib/backoff.h"
#include "lib/names.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEYS_PER_ENVIRONMENT_MAX 3

/* A key as the keeper names it. The serial is never 0, a new one for every new content of a file, and
 * never moves to another label. */
struct key_name {
        uint64_t serial;
        bool rewritten; /* same content, but the file was written again: somebody wants it tried */
        char label[KEY_LABEL_MAX + 1];
};

struct key_state {
        uint64_t serial;
        char label[KEY_LABEL_MAX + 1];
        bool proven;
        bool kept;           /* its file now holds another key, which is still to be proven */
        bool refused;        /* by the upstream, and not proven since */
        unsigned n_refusals; /* in a row */
        uint64_t rest_until_usec;
};

struct keyring {
        struct key_state keys[2 * KEYS_PER_ENVIRONMENT_MAX]; /* in the order in which they are tried */
        size_t n;
};

/* Takes over what the key files hold now: at most KEYS_PER_ENVIRONMENT_MAX names, in name order. Says
 * whether there is a key that was not there before, or one whose rest this ended. */
bool keyring_update(struct keyring *keyring, const struct key_name *names, size_t n);

/* The first key that does not rest at this moment; NULL: none. */
const struct key_state *keyring_choose(const struct keyring *keyring, uint64_t now_usec);

/* The moment when keyring_choose() will find one: now or earlier if it does already, USEC_NEVER if there is
 * no key. */
uint64_t keyring_usable_usec(const struct keyring *keyring);

/* The first changed key, not refused yet, whose predecessor is kept: the one to try. NULL: none. */
const struct key_state *keyring_trial(const struct keyring *keyring);

/* The key obtained a token: it is proven, and the one it replaces is let go. Unknown serials are ignored, as
 * the key may have gone while the exchange was under way. */
void keyring_granted(struct keyring *keyring, uint64_t serial);

/* The upstream refused the key: it rests, longer each time in a row. */
void keyring_refused(struct keyring *keyring, uint64_t serial, uint64_t now_usec,
                     const struct backoff_policy *rest);

/* Ends every rest (an operator asked for it). */
void keyring_end_rests(struct keyring *keyring);

/* NULL: there is none of this serial. */
const struct key_state *keyring_find(const struct keyring *keyring, uint64_t serial);

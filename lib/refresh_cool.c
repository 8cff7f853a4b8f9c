/* How long a key that failed here is left alone elsewhere.
 *
 * The next exchange of this machine may be another key's, and may begin in the very moment of the failure:
 * it says nothing of the key that failed. */
#include "lib/refresh_cool.h"

#include "lib/refresh_limits.h"
#include "lib/util.h"

/* In the round that goes on it has had its turn, and one that may work has not. */
static bool is_compared(const struct refresh *refresh, uint64_t serial, uint64_t now_usec)
{
        const struct keyring *keyring = &refresh->keyring;
        bool asked = false, other = false;

        for (size_t i = 0; i < keyring->n; i++) {
                const struct key_state *key = &keyring->keys[i];
                if (key->serial == serial) {
                        asked = key->asked_around;
                } else {
                        other = other || (!key->asked_around && key->held_usec <= now_usec &&
                                          key->known.standing != KEY_REFUSED);
                }
        }
        return refresh->round && asked && other;
}

uint64_t refresh_cool_usec(const struct refresh *refresh, uint64_t key_serial, uint64_t now_usec)
{
        uint64_t longest = now_usec + REFRESH_COOL_MAX_USEC;
        const struct key_state *key = keyring_find(&refresh->keyring, key_serial);

        if (refresh->n_failures == 0 && key && key->known.standing == KEY_GOOD &&
            key->heard == KEY_NOT_ASKED) {
                return now_usec; /* its trial was granted, though the token in hand lives longer */
        }
        if (refresh->n_failures == 0 || is_compared(refresh, key_serial, now_usec)) {
                return longest;
        }
        /* The latter may be a trial that has begun. */
        uint64_t next_usec = MAX_OF(refresh_need_due_usec(refresh), refresh_next_usec(refresh));
        return MIN_OF(next_usec, longest);
}

/* Keys that may not be used for a while: the upstream asked for patience, or they are left to others, who
 * share a store and have tried them, or are about to. */
#include "lib/keyring.h"
#include "lib/util.h"

void keyring_hold(struct keyring *keyring, uint64_t serial, uint64_t until_usec)
{
        struct key_state *key = (struct key_state *)keyring_find(keyring, serial);

        if (key) {
                key->held_usec = until_usec;
        }
}

uint64_t keyring_usable_usec(const struct keyring *keyring)
{
        uint64_t earliest = USEC_NEVER;

        for (size_t i = 0; i < keyring->n; i++) {
                earliest = MIN_OF(earliest, keyring->keys[i].held_usec);
        }
        return earliest;
}

void keyring_cool(struct keyring *keyring, uint64_t serial, uint64_t until_usec)
{
        struct key_state *key = (struct key_state *)keyring_find(keyring, serial);

        if (key) {
                key->cool_usec = until_usec;
        }
}

void keyring_put_trial_off(struct keyring *keyring, uint64_t serial, uint64_t until_usec)
{
        struct key_state *key = (struct key_state *)keyring_find(keyring, serial);

        if (key) {
                key->put_off_usec = until_usec;
        }
}

uint64_t keyring_warm_usec(const struct keyring *keyring, uint64_t now_usec)
{
        uint64_t earliest = USEC_NEVER;

        for (size_t i = 0; i < keyring->n; i++) {
                const struct key_state *key = &keyring->keys[i];
                if (key->held_usec <= now_usec && key->known.standing != KEY_REFUSED) {
                        earliest = MIN_OF(earliest, key->cool_usec);
                }
        }
        return earliest;
}

void keyring_warm_up(struct keyring *keyring)
{
        for (size_t i = 0; i < keyring->n; i++) {
                keyring->keys[i].cool_usec = keyring->keys[i].put_off_usec = 0;
        }
}

void keyring_hold_cool(struct keyring *keyring, uint64_t now_usec)
{
        for (size_t i = 0; i < keyring->n; i++) {
                if (keyring->keys[i].cool_usec > now_usec) {
                        keyring->keys[i].held_usec = USEC_NEVER;
                }
        }
}

/* The access keys of one environment: names and states. Only lib/refresh changes a keyring. */
#include "lib/keyring.h"

#include "lib/util.h"

#include <assert.h>

static struct key_state *find(struct keyring *keyring, uint64_t serial)
{
        for (size_t i = 0; i < keyring->n; i++) {
                if (keyring->keys[i].serial == serial) {
                        return &keyring->keys[i];
                }
        }
        return NULL;
}

const struct key_state *keyring_find(const struct keyring *keyring, uint64_t serial)
{
        return find((struct keyring *)keyring, serial);
}

/* The proven key, not refused, that a new key of this label must not push out yet. */
static const struct key_state *worth_keeping(const struct keyring *old, const char *label)
{
        for (size_t i = 0; i < old->n; i++) {
                const struct key_state *key = &old->keys[i];
                if (streq(key->label, label) && key->proven && !key->refused) {
                        return key;
                }
        }
        return NULL;
}

bool keyring_update(struct keyring *keyring, const struct key_name *names, size_t n)
{
        const struct keyring old = *keyring;
        bool news = false;

        assert(n <= KEYS_PER_ENVIRONMENT_MAX);
        *keyring = (struct keyring){ 0 };
        for (size_t i = 0; i < n; i++) {
                struct key_state *key = &keyring->keys[keyring->n++];
                const struct key_state *known = keyring_find(&old, names[i].serial);
                if (known) {
                        *key = *known;
                        key->kept = false;
                        if (names[i].rewritten && key->refused) {
                                key->rest_until_usec = 0;
                                news = true;
                        }
                } else {
                        *key = (struct key_state){ .serial = names[i].serial };
                        memcpy(key->label, names[i].label, sizeof(key->label));
                        news = true;
                }
                const struct key_state *previous = worth_keeping(&old, names[i].label);
                if (previous && previous->serial != key->serial && !key->proven) {
                        keyring->keys[keyring->n] = *previous;
                        keyring->keys[keyring->n++].kept = true;
                }
        }
        return news;
}

const struct key_state *keyring_choose(const struct keyring *keyring, uint64_t now_usec)
{
        for (size_t i = 0; i < keyring->n; i++) {
                if (keyring->keys[i].rest_until_usec <= now_usec) {
                        return &keyring->keys[i];
                }
        }
        return NULL;
}

uint64_t keyring_usable_usec(const struct keyring *keyring)
{
        uint64_t earliest = USEC_NEVER;
        for (size_t i = 0; i < keyring->n; i++) {
                earliest = MIN_OF(earliest, keyring->keys[i].rest_until_usec);
        }
        return earliest;
}

const struct key_state *keyring_trial(const struct keyring *keyring)
{
        for (size_t i = 0; i + 1 < keyring->n; i++) {
                if (!keyring->keys[i].refused && keyring->keys[i + 1].kept) {
                        return &keyring->keys[i];
                }
        }
        return NULL;
}

static void remove_kept(struct keyring *keyring, const char *label)
{
        for (size_t i = 0; i < keyring->n; i++) {
                if (keyring->keys[i].kept && streq(keyring->keys[i].label, label)) {
                        memmove(&keyring->keys[i], &keyring->keys[i + 1],
                                (keyring->n - i - 1) * sizeof(keyring->keys[0]));
                        keyring->n--;
                        return;
                }
        }
}

void keyring_granted(struct keyring *keyring, uint64_t serial)
{
        struct key_state *key = find(keyring, serial);
        if (!key) {
                return;
        }
        key->proven = true;
        key->refused = false;
        key->n_refusals = 0;
        key->rest_until_usec = 0;
        if (!key->kept) {
                remove_kept(keyring, key->label);
        }
}

void keyring_refused(struct keyring *keyring, uint64_t serial, uint64_t now_usec,
                     const struct backoff_policy *rest)
{
        struct key_state *key = find(keyring, serial);
        if (!key) {
                return;
        }
        key->refused = true;
        key->n_refusals++;
        /* No jitter here: the rest is hours long and one broker's keys are few. */
        key->rest_until_usec = usec_add(now_usec, backoff_usec(rest, key->n_refusals, UINT32_MAX));
}

void keyring_end_rests(struct keyring *keyring)
{
        for (size_t i = 0; i < keyring->n; i++) {
                keyring->keys[i].rest_until_usec = 0;
        }
}

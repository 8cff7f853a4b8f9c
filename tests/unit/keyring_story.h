/* The common part of the stories about the keyring. */
#pragma once

#include "lib/keyring.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#define NOW (1000 * USEC_PER_SEC)
#define DAY KEY_PROOF_AGE_USEC

/* The files: "1-main" and "2-spare" with these serials; 0: no such file. */
static inline void files_at(struct keyring *keyring, uint64_t main_serial, uint64_t spare_serial,
                            uint64_t trial)
{
        struct key_name names[2] = { 0 };
        size_t n = 0;
        if (main_serial) {
                names[n++] = (struct key_name){ .serial = main_serial, .label = "1-main" };
        }
        if (spare_serial) {
                names[n++] = (struct key_name){ .serial = spare_serial, .label = "2-spare" };
        }
        keyring_update(keyring, names, n, trial);
}

static inline void files(struct keyring *keyring, uint64_t main_serial, uint64_t spare_serial)
{
        files_at(keyring, main_serial, spare_serial, NOW);
}

static inline uint64_t serial_of(const struct key_state *key)
{
        return key ? key->serial : 0;
}

static inline uint64_t chosen(const struct keyring *keyring, uint64_t now)
{
        return serial_of(keyring_choose(keyring, false, true, now));
}

static inline uint64_t in_trouble(const struct keyring *keyring, uint64_t now)
{
        return serial_of(keyring_choose(keyring, true, false, now));
}

static inline uint64_t on_trial(const struct keyring *keyring)
{
        uint64_t usec;
        return serial_of(keyring_next_trial(keyring, &usec));
}

static inline uint64_t trial_usec(const struct keyring *keyring, uint64_t serial)
{
        return keyring_find(keyring, serial)->trial_usec;
}

static inline enum key_standing standing(const struct keyring *keyring, uint64_t serial)
{
        return keyring_find(keyring, serial)->known.standing;
}

static inline void grant(struct keyring *keyring, uint64_t serial, uint64_t now)
{
        keyring_asked(keyring, serial);
        keyring_granted(keyring, serial, now);
}

static inline void refuse(struct keyring *keyring, uint64_t serial, uint64_t now)
{
        keyring_asked(keyring, serial);
        keyring_refused(keyring, serial, KEY_UNAUTHORIZED, now);
}

static inline void disappoint(struct keyring *keyring, uint64_t serial, uint64_t now)
{
        keyring_asked(keyring, serial);
        keyring_failed(keyring, serial, now);
}

/* The exchanges of all: floor and budget per access key and base URL. A list that is never long, so it is
 * looked through. */
#include "lib/exchange_ledger.h"

#include "lib/refresh.h"
#include "lib/util.h"

#include <stdio.h>

/* ---- keys ---- */

static size_t find_key(const struct exchange_ledger *ledger, const uint8_t *digest)
{
        size_t i = 0;

        while (i < ledger->n_keys && memcmp(ledger->keys[i].digest, digest, KEYED_DIGEST_SIZE) != 0) {
                i++;
        }
        return i;
}

/* When nothing of it counts any more. */
static uint64_t end_of(const struct ledger_key *key)
{
        return MAX_OF(usec_add(key->latest_usec, USEC_PER_HOUR), key->held_usec);
}

/* By the rules that hold for one environment's budget. */
static uint64_t budget_free_usec(const struct ledger_key *key, enum refresh_share share)
{
        struct refresh_budget budget = { .n = 0 };

        refresh_budget_restore(&budget, key->sent, key->n_sent);
        return refresh_budget_free_usec(&budget, share);
}

uint64_t exchange_ledger_free_usec(const struct exchange_ledger *ledger,
                                   const uint8_t digest[static KEYED_DIGEST_SIZE], enum refresh_share share)
{
        size_t found = find_key(ledger, digest);
        uint64_t earliest = USEC_NEVER;

        if (found < ledger->n_keys) {
                const struct ledger_key *key = &ledger->keys[found];
                uint64_t free_usec = MAX_OF(usec_add(key->latest_usec, REFRESH_FLOOR_USEC), key->held_usec);
                return MAX_OF(free_usec, budget_free_usec(key, share));
        }
        if (ledger->n_keys < EXCHANGE_LEDGER_KEYS_MAX) {
                return 0;
        }
        for (size_t i = 0; i < ledger->n_keys; i++) {
                earliest = MIN_OF(earliest, end_of(&ledger->keys[i]));
        }
        return earliest;
}

uint64_t exchange_ledger_held_usec(const struct exchange_ledger *ledger,
                                   const uint8_t digest[static KEYED_DIGEST_SIZE])
{
        size_t found = find_key(ledger, digest);
        return found < ledger->n_keys ? ledger->keys[found].held_usec : 0;
}

/* Forgets what counts for nothing any more. Only events do, so that what there is to keep changes with them
 * alone. */
static void forget(struct exchange_ledger *ledger, uint64_t now_usec)
{
        size_t n = 0;

        for (size_t i = 0; i < ledger->n_keys; i++) {
                struct ledger_key *key = &ledger->keys[i];
                size_t old = 0;
                while (old < key->n_sent && usec_add(key->sent[old].usec, USEC_PER_HOUR) <= now_usec) {
                        old++;
                }
                key->n_sent -= old;
                memmove(key->sent, key->sent + old, key->n_sent * sizeof(key->sent[0]));
                key->held_usec = key->held_usec > now_usec ? key->held_usec : 0;
                if (end_of(key) > now_usec) {
                        if (n != i) {
                                ledger->keys[n] = *key;
                        }
                        n++;
                }
        }
        ledger->n_keys = n;
}

void exchange_ledger_take(struct exchange_ledger *ledger, const uint8_t digest[static KEYED_DIGEST_SIZE],
                          enum refresh_share share, uint64_t now_usec)
{
        forget(ledger, now_usec);
        size_t found = find_key(ledger, digest);
        struct ledger_key *key = &ledger->keys[found];

        if (found == EXCHANGE_LEDGER_KEYS_MAX) {
                return; /* against the contract */
        }
        if (found == ledger->n_keys) {
                *key = (struct ledger_key){ .n_sent = 0 };
                memcpy(key->digest, digest, KEYED_DIGEST_SIZE);
                ledger->n_keys++;
        }
        if (key->n_sent < REFRESH_HOURLY_BUDGET && key->latest_usec < now_usec) {
                key->sent[key->n_sent].usec = now_usec;
                key->sent[key->n_sent++].share = share;
                key->latest_usec = now_usec;
        }
}

void exchange_ledger_give_back(struct exchange_ledger *ledger,
                               const uint8_t digest[static KEYED_DIGEST_SIZE], uint64_t taken_usec)
{
        size_t found = find_key(ledger, digest);
        struct ledger_key *key = &ledger->keys[found];

        if (found == ledger->n_keys) {
                return;
        }
        for (size_t i = 0; i < key->n_sent; i++) {
                if (key->sent[i].usec == taken_usec) {
                        key->n_sent--;
                        memmove(key->sent + i, key->sent + i + 1, (key->n_sent - i) * sizeof(key->sent[0]));
                        return;
                }
        }
}

void exchange_ledger_hold_key(struct exchange_ledger *ledger, const uint8_t digest[static KEYED_DIGEST_SIZE],
                              uint64_t until_usec)
{
        size_t found = find_key(ledger, digest);

        if (found < ledger->n_keys) {
                ledger->keys[found].held_usec = MAX_OF(ledger->keys[found].held_usec, until_usec);
        }
}

/* ---- base URLs ---- */

static size_t find_url(const struct exchange_ledger *ledger, const char *base_url)
{
        size_t i = 0;

        while (i < ledger->n_urls && !streq(ledger->urls[i].base_url, base_url)) {
                i++;
        }
        return i;
}

static void remove_url(struct exchange_ledger *ledger, size_t i)
{
        ledger->n_urls--;
        memmove(&ledger->urls[i], &ledger->urls[i + 1], (ledger->n_urls - i) * sizeof(ledger->urls[0]));
}

/* Makes room: for what has ended, else for what ends first. */
static void forget_urls(struct exchange_ledger *ledger, uint64_t now_usec)
{
        size_t first = 0;

        for (size_t i = ledger->n_urls; i-- > 0;) {
                if (ledger->urls[i].until_usec <= now_usec) {
                        remove_url(ledger, i);
                }
        }
        for (size_t i = 1; i < ledger->n_urls; i++) {
                first = ledger->urls[i].until_usec < ledger->urls[first].until_usec ? i : first;
        }
        if (ledger->n_urls == EXCHANGE_LEDGER_URLS_MAX) {
                remove_url(ledger, first); /* an environment's own machine heeds it all the same */
        }
}

void exchange_ledger_hold_url(struct exchange_ledger *ledger, const char *base_url, uint64_t until_usec,
                              uint64_t now_usec)
{
        size_t found = find_url(ledger, base_url);

        if (found == ledger->n_urls) {
                forget_urls(ledger, now_usec);
                found = ledger->n_urls++;
                ledger->urls[found] = (struct ledger_url){ .until_usec = 0 };
                (void)snprintf(ledger->urls[found].base_url, sizeof(ledger->urls[found].base_url), "%s",
                               base_url);
        }
        ledger->urls[found].until_usec = MAX_OF(ledger->urls[found].until_usec, until_usec);
        ledger->urls[found].noted_usec = now_usec;
}

uint64_t exchange_ledger_url_free_usec(const struct exchange_ledger *ledger, const char *base_url)
{
        size_t found = find_url(ledger, base_url);
        return found < ledger->n_urls ? ledger->urls[found].until_usec : 0;
}

void exchange_ledger_clear_url(struct exchange_ledger *ledger, const char *base_url, uint64_t sent_usec)
{
        size_t found = find_url(ledger, base_url);

        if (found < ledger->n_urls && ledger->urls[found].noted_usec < sent_usec) {
                remove_url(ledger, found);
        }
}

/* ---- what was left ---- */

bool exchange_ledger_possible(const struct exchange_ledger *ledger, uint64_t now_usec)
{
        const uint64_t furthest = now_usec + RETRY_AFTER_MAX_SEC * USEC_PER_SEC + RETRY_AFTER_SPREAD_USEC;

        for (size_t i = 0; i < ledger->n_keys; i++) {
                if (ledger->keys[i].latest_usec > now_usec || ledger->keys[i].held_usec > furthest) {
                        return false;
                }
        }
        for (size_t i = 0; i < ledger->n_urls; i++) {
                if (ledger->urls[i].until_usec > furthest) {
                        return false;
                }
        }
        return true;
}

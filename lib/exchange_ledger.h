/* The exchanges of all environments, counted by access key and base URL: the floor, the hourly budget and
 * its shares, and how long a base URL is to be left alone. So neither a second environment, nor another
 * name, nor removal and return makes room for more; and wishes take nothing from need.
 *
 * A key at a base URL is a digest of both (daemon/keeper/key_digest). Times are those of CLOCK_BOOTTIME. */
#pragma once

#include "lib/base_url.h"
#include "lib/keyed_size.h"
#include "lib/refresh_budget.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXCHANGE_LEDGER_KEYS_MAX 256
#define EXCHANGE_LEDGER_URLS_MAX 64

struct ledger_key {
        uint8_t digest[KEYED_DIGEST_SIZE];
        struct refresh_sent sent[REFRESH_HOURLY_BUDGET]; /* the oldest first */
        size_t n_sent;
        uint64_t latest_usec; /* when the latest exchange began, also one that sent nothing */
        uint64_t held_usec;   /* until then the upstream asked for patience with this key; 0: it did not */
};

struct ledger_url {
        char base_url[BASE_URL_MAX + 1];
        uint64_t until_usec; /* the upstream asked to be left alone until then */
        uint64_t noted_usec; /* when it asked last; 0: an earlier process was asked */
};

/* All zero: nothing was sent. */
struct exchange_ledger {
        struct ledger_key keys[EXCHANGE_LEDGER_KEYS_MAX];
        size_t n_keys;
        struct ledger_url urls[EXCHANGE_LEDGER_URLS_MAX];
        size_t n_urls;
};

/* The first moment when floor, budget, share and patience allow an exchange with this key here for that; may
 * lie in the past. Where there is no room for one more key, that is when the first of the others counts
 * for nothing any more. */
uint64_t exchange_ledger_free_usec(const struct exchange_ledger *ledger,
                                   const uint8_t digest[static KEYED_DIGEST_SIZE], enum refresh_share share);

/* Until when the upstream asked for patience with this key alone; 0: it did not. May lie in the past. */
uint64_t exchange_ledger_held_usec(const struct exchange_ledger *ledger,
                                   const uint8_t digest[static KEYED_DIGEST_SIZE]);

/* An exchange begins: exchange_ledger_free_usec() has come, so that there is room for its key. Entries that
 * are an hour old are forgotten. */
void exchange_ledger_take(struct exchange_ledger *ledger, const uint8_t digest[static KEYED_DIGEST_SIZE],
                          enum refresh_share share, uint64_t now_usec);

/* The one that began then sent nothing: it costs nothing, but the floor stands. */
void exchange_ledger_give_back(struct exchange_ledger *ledger,
                               const uint8_t digest[static KEYED_DIGEST_SIZE], uint64_t taken_usec);

/* The upstream asked for patience with this key alone, in answer to an exchange of the last hour. */
void exchange_ledger_hold_key(struct exchange_ledger *ledger, const uint8_t digest[static KEYED_DIGEST_SIZE],
                              uint64_t until_usec);

/* The upstream there asked to be left alone until until_usec. A longer wish from before stands. Where there
 * is no room, the wish that ends first is forgotten. */
void exchange_ledger_hold_url(struct exchange_ledger *ledger, const char *base_url, uint64_t until_usec,
                              uint64_t now_usec);

/* Until when that upstream is to be left alone; 0: it did not ask for it. May lie in the past. */
uint64_t exchange_ledger_url_free_usec(const struct exchange_ledger *ledger, const char *base_url);

/* That upstream granted a token for what was sent then: its wish is forgotten, unless it was noted at
 * sent_usec or later. */
void exchange_ledger_clear_url(struct exchange_ledger *ledger, const char *base_url, uint64_t sent_usec);

/* Could a process have left this by now? False if any of it lies in a time to come, but for the upstreams'
 * wishes, which may lie as far ahead as one is heeded. */
bool exchange_ledger_possible(const struct exchange_ledger *ledger, uint64_t now_usec);

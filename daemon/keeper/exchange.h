/* One HTTPS request that exchanges an access key for a session token. */
#pragma once

#include "daemon/base/curl_loop.h"
#include "lib/access_key.h"
#include "lib/exchange_report.h"
#include "lib/names.h"
#include "lib/settings.h"

#include <stdint.h>

struct exchange;

typedef void (*exchange_done_fn)(const struct exchange_report *report, void *userdata);

/* Sends the request that these settings say, which are borrowed for the call only; done is called once,
 * never from within, unless exchange_free() comes first. keys[0] is the one to send; echoes of it and of
 * the others (n_keys is at most EXCHANGE_KEYS_MAX) are hidden in what is shown of the answer. They are
 * copied. -ENOMEM. */
#define EXCHANGE_KEYS_MAX (1 + 2 * KEYS_PER_ENVIRONMENT_MAX)
int exchange_start(struct exchange **ret, struct curl_loop *loop,
                   const struct environment_settings *environment, const struct access_key *const *keys,
                   size_t n_keys, exchange_done_fn done, void *userdata);

/* Letting go cancels. May be called from within the done function. NULL is fine; returns NULL. */
struct exchange *exchange_free(struct exchange *exchange);

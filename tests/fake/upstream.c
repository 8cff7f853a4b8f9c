/* A stand-in for daemon/keeper/upstream.c: one key per environment, and an upstream that grants in the next
 * turn of the loop, or refuses. No file, no socket: for fuzzing, and for tests that need a daemon without
 * its surroundings. */
#include "tests/fake/upstream.h"

#include "daemon/keeper/upstream.h"
#include "lib/secret.h"
#include "lib/util.h"

#include <errno.h>
#include <stdio.h>

enum exchange_outcome fake_upstream_outcome = EXCHANGE_GRANTED;
unsigned fake_upstream_n_exchanges;

struct upstream {
        sd_event *event;
};

struct upstream_exchange {
        sd_event_source *later;
        upstream_done_fn done;
        void *userdata;
};

int upstream_new(struct upstream **ret, sd_event *event, const struct settings *settings,
                 upstream_known_fn known, upstream_keys_fn keys_changed, void *userdata)
{
        struct upstream *upstream = calloc(1, sizeof(*upstream));

        if (!upstream) {
                return -ENOMEM;
        }
        upstream->event = event;
        *ret = upstream;
        return 0;
}

struct upstream *upstream_free(struct upstream *upstream)
{
        free(upstream);
        return NULL;
}

int upstream_load_keys(struct upstream *upstream, const struct settings *settings)
{
        return 0;
}

size_t upstream_keys(struct upstream *upstream, const char *environment,
                     struct key_name ret[static KEYS_PER_ENVIRONMENT_MAX])
{
        if (!streq(environment, "sandbox")) {
                return 0;
        }
        ret[0] = (struct key_name){ .serial = 1, .label = "1-main" };
        return 1;
}

void upstream_retain_keys(struct upstream *upstream, const char *environment, const uint64_t *serials,
                          size_t n)
{
}

int upstream_key_digest(const struct upstream *upstream, uint64_t key_serial,
                        const uint8_t salt[static UPSTREAM_SALT_SIZE],
                        uint8_t ret[static UPSTREAM_DIGEST_SIZE])
{
        memcpy(ret, salt, UPSTREAM_DIGEST_SIZE);
        ret[0] ^= (uint8_t)key_serial;
        return 0;
}

bool upstream_refusal(const struct upstream *upstream, size_t i, struct upstream_refusal *ret)
{
        return false;
}

bool upstream_keys_are_credentials(const struct upstream *upstream)
{
        return false;
}

const char *upstream_keys_directory(const struct upstream *upstream)
{
        return "/nowhere";
}

static int on_later(sd_event_source *source, void *userdata)
{
        struct upstream_exchange *exchange = userdata;
        const struct answer_excerpt none = { .code = INT64_MIN };
        struct grant *grant = secret_alloc(sizeof(*grant));

        if (!grant) {
                return -ENOMEM;
        }
        grant->lifetime_sec = 7200;
        (void)snprintf(grant->mage_id, sizeof(grant->mage_id), "MAG123456789");
        (void)snprintf(grant->ust, sizeof(grant->ust), "%s", FAKE_UPSTREAM_TOKEN);
        exchange->done(
                &(struct upstream_report){ .outcome = fake_upstream_outcome,
                                           .grant = fake_upstream_outcome == EXCHANGE_GRANTED ? grant : NULL,
                                           .retry_after_sec = RETRY_AFTER_NONE,
                                           .status = 200,
                                           .why = "as the test wants it",
                                           .content_type = "",
                                           .header_names = "",
                                           .excerpt = &none },
                exchange->userdata);
        (void)secret_free(grant);
        return 0;
}

int upstream_exchange(struct upstream_exchange **ret, struct upstream *upstream,
                      const struct environment_settings *environment, uint64_t key_serial,
                      upstream_done_fn done, void *userdata)
{
        struct upstream_exchange *exchange = calloc(1, sizeof(*exchange));

        if (!exchange) {
                return -ENOMEM;
        }
        exchange->done = done;
        exchange->userdata = userdata;
        int r = sd_event_add_defer(upstream->event, &exchange->later, on_later, exchange);
        if (r < 0) {
                free(exchange);
                return r;
        }
        fake_upstream_n_exchanges++;
        *ret = exchange;
        return 0;
}

struct upstream_exchange *upstream_exchange_free(struct upstream_exchange *exchange)
{
        if (exchange) {
                sd_event_source_disable_unref(exchange->later);
                free(exchange);
        }
        return NULL;
}

bool upstream_knows_id(const struct upstream *upstream, const char *id)
{
        return streq(id, "AQ17NZ49WC");
}

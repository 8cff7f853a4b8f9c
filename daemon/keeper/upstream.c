/* The door to the exchange side: owns the key files and libcurl's loop, and translates. */
#include "daemon/keeper/upstream.h"

#include "daemon/keeper/curl_loop.h"
#include "daemon/keeper/exchange.h"
#include "daemon/keeper/key_digest.h"
#include "daemon/keeper/key_directory.h"
#include "daemon/keeper/key_file.h"
#include "daemon/keeper/key_files.h"
#include "lib/util.h"

#include <assert.h>
#include <errno.h>
#include <malloc.h>

struct upstream {
        struct curl_loop *curl;
        struct key_files *files;
        struct access_key *offered; /* UPSTREAM_KEY_OFFERED; NULL: none */
};

struct upstream_exchange {
        struct exchange *exchange;
        upstream_done_fn done;
        void *userdata;
};

static void free_upstream(struct upstream **upstream)
{
        *upstream = upstream_free(*upstream);
}

int upstream_new(struct upstream **ret, sd_event *event, const struct settings *settings,
                 upstream_known_fn known, upstream_keys_fn keys_changed, void *userdata)
{
        _cleanup_(free_upstream) struct upstream *upstream = calloc(1, sizeof(*upstream));
        if (!upstream) {
                return -ENOMEM;
        }
        int r = curl_loop_new(&upstream->curl, event);
        if (r < 0) {
                return r;
        }
        r = key_files_new(&upstream->files, event, settings->keys_directory,
                          settings->key_permissions_relaxed, known, keys_changed, userdata);
        if (r < 0) {
                return r;
        }
        *ret = take_ptr(upstream);
        return 0;
}

struct upstream *upstream_free(struct upstream *upstream)
{
        if (upstream) {
                upstream->offered = access_key_free(upstream->offered);
                upstream->files = key_files_free(upstream->files);
                upstream->curl = curl_loop_free(upstream->curl);
                free(upstream);
        }
        return NULL;
}

int upstream_load_keys(struct upstream *upstream, const struct settings *settings)
{
        int r = key_files_configure(upstream->files, settings->keys_directory,
                                    settings->key_permissions_relaxed);
        if (r < 0) {
                return r;
        }
        key_files_load(upstream->files);
        return 0;
}

size_t upstream_keys(struct upstream *upstream, const char *environment,
                     struct key_name ret[static KEYS_PER_ENVIRONMENT_MAX])
{
        return key_files_names(upstream->files, environment, ret);
}

void upstream_retain_keys(struct upstream *upstream, const char *environment, const uint64_t *serials,
                          size_t n)
{
        key_files_retain(upstream->files, environment, serials, n);
}

static_assert(UPSTREAM_SALT_SIZE == KEY_DIGEST_SALT_SIZE && UPSTREAM_DIGEST_SIZE == KEY_DIGEST_SIZE,
              "the door's words for key_digest()'s");

int upstream_key_digest(const struct upstream *upstream, uint64_t key_serial,
                        const uint8_t salt[static UPSTREAM_SALT_SIZE],
                        uint8_t ret[static UPSTREAM_DIGEST_SIZE])
{
        const struct access_key *key = key_files_find(upstream->files, key_serial);
        return key ? key_digest(key, salt, ret) : -ENOKEY;
}

bool upstream_refusal(const struct upstream *upstream, size_t i, struct upstream_refusal *ret)
{
        const struct key_refusals *refusals = key_files_refusals(upstream->files);

        if (i >= refusals->n) {
                return false;
        }
        const struct key_refusal *refusal = &refusals->list[i];
        *ret = (struct upstream_refusal){ refusal->file, refusal->environment, refusal->reason,
                                          refusal->denied };
        return true;
}

bool upstream_knows_id(const struct upstream *upstream, const char *id)
{
        return key_files_know_id(upstream->files, id);
}

bool upstream_keys_are_credentials(const struct upstream *upstream)
{
        return key_directory_is_shared(key_files_directory(upstream->files));
}

const char *upstream_keys_directory(const struct upstream *upstream)
{
        return key_files_directory(upstream->files);
}

int upstream_offer_key(struct upstream *upstream, int fd, char *reterr_why, size_t size)
{
        struct access_key *key = NULL;

        int r = key_file_read_line(fd, &key, reterr_why, size);
        if (r < 0) {
                return r;
        }
        (void)access_key_free(upstream->offered);
        upstream->offered = key;
        return 0;
}

static void on_done(const struct exchange_report *report, void *userdata)
{
        struct upstream_exchange *exchange = userdata;

        exchange->done(&(struct upstream_report){ .outcome = report->outcome,
                                                  .grant = report->grant,
                                                  .retry_after_sec = report->retry_after_sec,
                                                  .status = report->status,
                                                  .why = report->why,
                                                  .content_type = report->content_type,
                                                  .header_names = report->header_names,
                                                  .excerpt = &report->excerpt },
                       exchange->userdata);
}

int upstream_exchange(struct upstream_exchange **ret, struct upstream *upstream,
                      const struct environment_settings *environment, uint64_t key_serial,
                      upstream_done_fn done, void *userdata)
{
        const struct access_key *key = key_serial == UPSTREAM_KEY_OFFERED
                                               ? upstream->offered
                                               : key_files_find(upstream->files, key_serial);
        const struct exchange_target target = {
                .base_url = environment->base_url,
                .ca_file = environment->ca_file,
                .lifetime_sec = environment->lifetime_sec,
                .connect_timeout_usec = environment->connect_timeout_usec,
                .whole_timeout_usec = environment->exchange_timeout_usec,
        };

        if (!key) {
                return -ENOKEY;
        }
        struct upstream_exchange *exchange = calloc(1, sizeof(*exchange));
        if (!exchange) {
                return -ENOMEM;
        }
        exchange->done = done;
        exchange->userdata = userdata;
        int r = exchange_start(&exchange->exchange, upstream->curl, &target, key, on_done, exchange);
        if (r < 0) {
                free(exchange);
                return r;
        }
        *ret = exchange;
        return 0;
}

struct upstream_exchange *upstream_exchange_free(struct upstream_exchange *exchange)
{
        if (exchange) {
                exchange->exchange = exchange_free(exchange->exchange);
                free(exchange);
                /* A TLS exchange leaves a megabyte of free heap behind, and the next one is an hour away. */
                (void)malloc_trim(0);
        }
        return NULL;
}

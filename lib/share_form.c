/* Names and keys from an access key.
 *
 *     PRK      = HKDF-Extract(SHA-256, salt "eqp-broker share v1", application secret)
 *     K(use)   = HKDF-Expand(PRK, use | 00 | base URL | 00 | fleet secret), 32 bytes
 *     name     = "eqp1:{" | first 16 bytes of HMAC-SHA-256(K("name"), application ID), hex | "}"
 *
 * Neither a use nor a base URL has a zero byte in it, so no two inputs look alike. */
#include "lib/share_form.h"

#include "lib/secret.h"
#include "lib/share_form_object.h"
#include "lib/share_seal.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>

#define SALT       "eqp-broker share v1"
#define DIGEST     32
#define NAME_BYTES 16 /* of the digest */

_Static_assert(sizeof("eqp1:{") - 1 + 2 * NAME_BYTES + sizeof("}:l") == SHARE_NAME_MAX,
               "a name of another length");

static int write_names(struct share_form *form, const char *application_id, const uint8_t *key)
{
        uint8_t digest[DIGEST];
        char digits[2 * NAME_BYTES + 1];

        int r = gnutls_hmac_fast(GNUTLS_MAC_SHA256, key, SHARE_KEY_SIZE, application_id,
                                 strlen(application_id), digest);
        if (r < 0) {
                return r == GNUTLS_E_MEMORY_ERROR ? -ENOMEM : -EIO;
        }
        for (size_t i = 0; i < NAME_BYTES; i++) {
                (void)snprintf(digits + 2 * i, 3, "%02x", digest[i]);
        }
        (void)snprintf(form->session_name, sizeof(form->session_name), "eqp1:{%s}", digits);
        (void)snprintf(form->lease_name, sizeof(form->lease_name), "eqp1:{%s}:l", digits);
        return 0;
}

/* use | 00 | base URL | 00 | fleet secret */
static size_t write_info(uint8_t *info, const char *use, const char *base_url, const void *fleet_secret,
                         size_t n_fleet_secret)
{
        size_t n_use = strlen(use) + 1, n_base_url = strlen(base_url) + 1;

        memcpy(info, use, n_use);
        memcpy(info + n_use, base_url, n_base_url);
        if (fleet_secret) {
                memcpy(info + n_use + n_base_url, fleet_secret, n_fleet_secret);
        }
        return n_use + n_base_url + n_fleet_secret;
}

static int derive(struct share_form *form, const struct access_key *key, const char *base_url,
                  const void *fleet_secret, size_t n_fleet_secret)
{
        struct derivation {
                uint8_t extracted[SHARE_KEY_SIZE];
                uint8_t name_key[SHARE_KEY_SIZE];
                uint8_t info[];
        };
        _cleanup_secret_ struct derivation *work =
                secret_alloc(sizeof(*work) + sizeof("cool-down") + strlen(base_url) + 1 + n_fleet_secret);
        if (!work) {
                return -ENOMEM;
        }
        const struct {
                const char *use;
                uint8_t *ret;
        } keys[] = {
                { "name", work->name_key },
                { "session", form->session_key },
                { "cool-down", form->cool_down_key },
        };
        int r = share_extract(key->secret, strlen(key->secret), SALT, sizeof(SALT) - 1, work->extracted);

        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(keys); i++) {
                size_t n = write_info(work->info, keys[i].use, base_url, fleet_secret, n_fleet_secret);
                r = share_expand(work->extracted, work->info, n, keys[i].ret, SHARE_KEY_SIZE);
        }
        if (r >= 0) {
                r = write_names(form, key->id, work->name_key);
        }
        secret_wipe_stack();
        return r;
}

int share_form_new(struct share_form **ret, const struct access_key *key, const char *base_url,
                   const void *fleet_secret, size_t n_fleet_secret)
{
        if (strlen(key->secret) < SHARE_SECRET_MIN) {
                return -EOPNOTSUPP;
        }
        if (fleet_secret ? n_fleet_secret == 0 || n_fleet_secret > SHARE_FLEET_SECRET_MAX
                         : n_fleet_secret != 0) {
                return -EINVAL;
        }
        _cleanup_(share_form_freep) struct share_form *form = secret_alloc(sizeof(*form));
        if (!form) {
                return -ENOMEM;
        }
        int r = derive(form, key, base_url, fleet_secret, n_fleet_secret);
        if (r < 0) {
                return r;
        }
        *ret = take_ptr(form);
        return 0;
}

struct share_form *share_form_free(struct share_form *form)
{
        return secret_free(form);
}

void share_form_freep(struct share_form **form)
{
        (void)share_form_free(*form);
}

const char *share_form_session_name(const struct share_form *form)
{
        return form->session_name;
}

const char *share_form_lease_name(const struct share_form *form)
{
        return form->lease_name;
}

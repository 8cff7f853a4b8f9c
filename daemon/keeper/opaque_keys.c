/* The secret of opaque tokens. */
#include "daemon/keeper/opaque_keys.h"

#include "daemon/base/journal.h"
#include "daemon/keeper/session_store.h"
#include "lib/saved_opaque_key.h"
#include "lib/secret.h"
#include "lib/util.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <sys/random.h>

#define SALT "eqp-broker opaque v1"

struct opaque_maker {
        struct session_store store;
        struct saved_opaque_key *own; /* NULL: not made yet */
        bool kept;                    /* the manager has it */
        bool said;                    /* that it does not */
};

/* ---- the store ---- */

static int parse(const char *text, size_t length, void **ret, uint64_t *ret_number, const char **ret_boot_id,
                 const char **reterr_why)
{
        struct saved_opaque_key *saved = NULL;
        int r = saved_opaque_key_parse(text, length, &saved, reterr_why);

        if (r >= 0) {
                *ret = saved;
                *ret_number = saved->number;
                *ret_boot_id = saved->boot_id;
        }
        return r;
}

static void free_saved(void *saved)
{
        (void)secret_free(saved);
}

/* One descriptor more than sessions and knowledge take while one of each takes another's place. */
static const struct store_series series = { "opaque", SAVED_OPAQUE_KEY_MAX, 5, parse, free_saved };

static int put(struct opaque_maker *maker)
{
        _cleanup_secret_ char *text = NULL;
        size_t length;

        int r = session_store_next(&maker->store, &maker->own->number);
        if (r < 0) {
                return r;
        }
        memcpy(maker->own->boot_id, maker->store.boot_id, sizeof(maker->own->boot_id));
        r = saved_opaque_key_format(maker->own, &text, &length);
        return r < 0 ? r : session_store_put(&maker->store, text, length);
}

static void keep(struct opaque_maker *maker)
{
        int r = maker->kept || !maker->store.usable ? 0 : put(maker);

        if (r >= 0) {
                maker->kept = maker->store.usable;
        } else if (!maker->said) {
                maker->said = true;
                journal_say(
                        &(struct journal_record){ .priority = LOG_WARNING, .id = EVENT_SESSIONS_DROPPED },
                        "opaque tokens of local keys would not survive a restart: the service manager could "
                        "not be given their secret (%s)",
                        strerror(-r));
        }
}

/* ---- making ---- */

/* Our own, made when there is none yet. */
static int make_own(struct opaque_maker *maker)
{
        _cleanup_secret_ struct saved_opaque_key *own = NULL;

        if (maker->own) {
                return 0;
        }
        own = secret_alloc(sizeof(*own));
        if (!own) {
                return -ENOMEM;
        }
        if (getrandom(own->key, sizeof(own->key), GRND_NONBLOCK) != sizeof(own->key)) {
                return -EIO;
        }
        maker->own = take_ptr(own);
        return 0;
}

int opaque_key_derive(const struct access_key *key, const char *environment,
                      uint8_t ret[static OPAQUE_KEY_SIZE])
{
        const gnutls_datum_t secret = { (unsigned char *)(uintptr_t)key->secret,
                                        (unsigned)strlen(key->secret) };
        const gnutls_datum_t salt = { (unsigned char *)SALT, sizeof(SALT) - 1 };
        const gnutls_datum_t info = { (unsigned char *)(uintptr_t)environment,
                                      (unsigned)strlen(environment) };
        uint8_t extracted[OPAQUE_KEY_SIZE];
        const gnutls_datum_t middle = { extracted, sizeof(extracted) };

        if (secret.size < OPAQUE_SECRET_MIN) {
                return -EINVAL;
        }
        int r = gnutls_hkdf_extract(GNUTLS_MAC_SHA256, &secret, &salt, extracted);
        if (r >= 0) {
                r = gnutls_hkdf_expand(GNUTLS_MAC_SHA256, &middle, &info, ret, OPAQUE_KEY_SIZE);
        }
        gnutls_memset(extracted, 0, sizeof(extracted));
        secret_wipe_stack();
        return r < 0 ? -EIO : 0;
}

/* One of each access key that has a secret which nobody guesses. */
static int derive_all(const struct key_files *files, const char *environment, struct opaque_keys *keys)
{
        const struct access_key *access[KEYS_PER_ENVIRONMENT_MAX];
        size_t n = key_files_present(files, environment, access);

        for (size_t i = 0; i < n; i++) {
                int r = opaque_key_derive(access[i], environment, keys->keys[keys->n]);
                if (r == -EIO) {
                        return r;
                }
                keys->n += r >= 0;
        }
        return 0;
}

static int add_own(struct opaque_maker *maker, struct opaque_keys *keys)
{
        int r = make_own(maker);
        if (r < 0) {
                return r;
        }
        keep(maker);
        memcpy(keys->keys[keys->n++], maker->own->key, OPAQUE_KEY_SIZE);
        return 0;
}

int opaque_maker_keys(struct opaque_maker *maker, const struct key_files *files, const char *environment,
                      struct opaque_keys **ret)
{
        _cleanup_secret_ struct opaque_keys *keys = secret_alloc(sizeof(*keys));

        if (!keys) {
                return -ENOMEM;
        }
        if (!maker->store.usable) {
                int r = derive_all(files, environment, keys);
                if (r < 0) {
                        return r;
                }
        }
        if (keys->n == 0) {
                int r = add_own(maker, keys);
                if (r < 0) {
                        return r;
                }
        }
        *ret = take_ptr(keys);
        return 0;
}

/* ---- life ---- */

int opaque_maker_new(struct opaque_maker **ret, struct passed_sockets *passed)
{
        struct opaque_maker *maker = calloc(1, sizeof(*maker));
        void *kept = NULL;

        if (!maker) {
                return -ENOMEM;
        }
        session_store_init(&maker->store, &series, passed, &kept);
        maker->own = kept;
        maker->kept = kept != NULL;
        *ret = maker;
        return 0;
}

struct opaque_maker *opaque_maker_free(struct opaque_maker *maker)
{
        if (maker) {
                session_store_clear(&maker->store);
                (void)secret_free(maker->own);
                free(maker);
        }
        return NULL;
}

/* Sharing, when there is no memory: here, in GnuTLS or in hiredis. */
#include "lib/secret.h"
#include "lib/share_form.h"
#include "lib/store_reply.h"
#include "lib/store_request.h"
#include "tests/unit/no_memory.h"
#include "tests/unit/store_answers.h"
#include "tests/unit/unit.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <hiredis/hiredis.h>

#if HIREDIS_MAJOR >= 1
typedef long long format_length;
#else
typedef int format_length;
#endif

NO_MEMORY_WRAP(int, gnutls_hkdf_extract, GNUTLS_E_MEMORY_ERROR,
               (gnutls_mac_algorithm_t mac, const gnutls_datum_t *key, const gnutls_datum_t *salt,
                void *ret),
               (mac, key, salt, ret))
NO_MEMORY_WRAP(int, gnutls_hkdf_expand, GNUTLS_E_MEMORY_ERROR,
               (gnutls_mac_algorithm_t mac, const gnutls_datum_t *key, const gnutls_datum_t *info, void *ret,
                size_t size),
               (mac, key, info, ret, size))
NO_MEMORY_WRAP(int, gnutls_hmac_fast, GNUTLS_E_MEMORY_ERROR,
               (gnutls_mac_algorithm_t mac, const void *key, size_t n_key, const void *text, size_t n,
                void *ret),
               (mac, key, n_key, text, n, ret))
NO_MEMORY_WRAP(int, gnutls_aead_cipher_init, GNUTLS_E_MEMORY_ERROR,
               (gnutls_aead_cipher_hd_t * ret, gnutls_cipher_algorithm_t cipher, const gnutls_datum_t *key),
               (ret, cipher, key))
NO_MEMORY_WRAP(int, gnutls_aead_cipher_encrypt, GNUTLS_E_MEMORY_ERROR,
               (gnutls_aead_cipher_hd_t cipher, const void *nonce, size_t n_nonce, const void *with,
                size_t n_with, size_t n_tag, const void *from, size_t n_from, void *to, size_t *n_to),
               (cipher, nonce, n_nonce, with, n_with, n_tag, from, n_from, to, n_to))
NO_MEMORY_WRAP(int, gnutls_aead_cipher_decrypt, GNUTLS_E_MEMORY_ERROR,
               (gnutls_aead_cipher_hd_t cipher, const void *nonce, size_t n_nonce, const void *with,
                size_t n_with, size_t n_tag, const void *from, size_t n_from, void *to, size_t *n_to),
               (cipher, nonce, n_nonce, with, n_with, n_tag, from, n_from, to, n_to))
NO_MEMORY_WRAP(format_length, redisFormatCommandArgv, -1,
               (char **ret, int n, const char **arguments, const size_t *lengths),
               (ret, n, arguments, lengths))
NO_MEMORY_WRAP(redisReader *, redisReaderCreateWithFunctions, NULL, (redisReplyObjectFunctions * functions),
               (functions))
NO_MEMORY_WRAP(int, redisReaderFeed, REDIS_ERR, (redisReader * reader, const char *bytes, size_t size),
               (reader, bytes, size))

int __real_redisReaderGetReply(redisReader *reader, void **ret);
int __wrap_redisReaderGetReply(redisReader *reader, void **ret);
int __wrap_redisReaderGetReply(redisReader *reader, void **ret)
{
        if (no_memory_now()) {
                reader->err = REDIS_ERR_OOM;
                return REDIS_ERR;
        }
        return __real_redisReaderGetReply(reader, ret);
}

static const uint8_t salt[SHARE_SALT_SIZE];

static int make_a_form(struct share_form **ret)
{
        const struct access_key key = { "app-1", "0123456789abcdef0123456789abcdef" };

        return share_form_new(ret, &key, "https://eqp.example", "fleet", 5);
}

static int share_a_session(void)
{
        static const struct shared_session session = { 1796000000123456, 7200, "MAG000000001", "tok-1" };
        _cleanup_(share_form_freep) struct share_form *form = NULL;
        struct shared_session opened;
        uint8_t value[SHARE_VALUE_MAX];
        size_t size;
        int r = make_a_form(&form);

        if (r >= 0) {
                r = share_form_seal(form, &session, salt, value, &size);
        }
        return r < 0 ? r : share_form_open(form, value, size, &opened);
}

static int share_a_cool_down(void)
{
        static const struct shared_cool_down cool_down = { 1796000060000000 };
        _cleanup_(share_form_freep) struct share_form *form = NULL;
        struct shared_cool_down opened;
        uint8_t value[SHARE_VALUE_MAX];
        size_t size;
        int r = make_a_form(&form);

        if (r >= 0) {
                r = share_form_seal_cool_down(form, &cool_down, salt, value, &size);
        }
        return r < 0 ? r : share_form_open_cool_down(form, value, size, &opened);
}

static int ask_a_store(void)
{
        static const struct store_login login = { "eqp", "password" };
        _cleanup_(store_request_freep) struct store_request *request = NULL;
        _cleanup_(store_reply_freep) struct store_reply *reply = NULL;
        enum store_state state = STORE_SILENT;
        int r = store_request_claim(&request, &login, &place);

        if (r >= 0) {
                r = store_reply_new(&reply, request);
        }
        if (r >= 0) {
                r = store_reply_feed(reply, OK LEASED, sizeof(OK LEASED) - 1, &state);
        }
        if (r == 1) {
                assert_int_equal(state, STORE_FINE);
                r = 0;
        }
        return r;
}

static void shares_a_session(void **state)
{
        no_memory_try(share_a_session, 20);
}

static void shares_a_cool_down(void **state)
{
        no_memory_try(share_a_cool_down, 18);
}

static void asks_a_store(void **state)
{
        no_memory_try(ask_a_store, 23);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(shares_a_session),
                cmocka_unit_test(shares_a_cool_down),
                cmocka_unit_test(asks_a_store),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}

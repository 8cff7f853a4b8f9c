/* Names and values of shared sessions, against a second implementation of their form (share_vectors.py); and
 * whose names and values they are. */
#include "lib/secret.h"
#include "lib/share_form.h"
#include "tests/unit/share_vectors.h"
#include "tests/unit/unit.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>

#define SECRET_32 "0123456789abcdef0123456789abcdef"
#define BASE_URL  "https://commercedeveloper-api.adobe.com"
#define SANDBOX   "https://commercedeveloper-sandbox-api.adobe.com"

/* The inputs that share_vectors.py has as well. */
struct input {
        const char *id;
        char secret[APPLICATION_SECRET_MAX + 1];
        const char *base_url;
        char fleet_secret[SHARE_FLEET_SECRET_MAX];
        size_t n_fleet_secret;
        struct shared_session session;
};

static struct input inputs[] = {
        { "app-1", SECRET_32, BASE_URL, "", 0, { 1796000000123456, 7200, "MAG000000001", "tok-1" } },
        { "app-1", SECRET_32, SANDBOX, "", 0, { 0, 1, "m", "u" } },
        { "app-1",
          SECRET_32,
          BASE_URL,
          "\0\xff of the fleet",
          15,
          { SHARE_TIME_MAX_USEC, LIFETIME_MAX_SEC, "MAG000000001", "" } },
        { "a", "", "http://127.0.0.1:8080", "", SHARE_FLEET_SECRET_MAX, { 1796000000123456, 7200, "", "" } },
};
static uint8_t salt[SHARE_SALT_SIZE];

static int set_up(void **state)
{
        for (size_t i = 0; i < sizeof(salt); i++) {
                salt[i] = (uint8_t)(0xa0 + i);
        }
        memset(inputs[2].session.ust, 'x', 485);
        memset(inputs[3].secret, '~', APPLICATION_SECRET_MAX);
        memset(inputs[3].fleet_secret, 'f', SHARE_FLEET_SECRET_MAX);
        memset(inputs[3].session.ust, 't', SESSION_TOKEN_MAX);
        memset(inputs[3].session.mage_id, 'M', MAGE_ID_MAX);
        return 0;
}

static struct share_form *form_of(const struct input *input)
{
        const struct access_key key = { input->id, input->secret };
        struct share_form *form = NULL;

        assert_int_equal(share_form_new(&form, &key, input->base_url,
                                        input->n_fleet_secret > 0 ? input->fleet_secret : NULL,
                                        input->n_fleet_secret),
                         0);
        return form;
}

static void assert_sha256(const void *bytes, size_t size, const char *expected)
{
        uint8_t digest[32];
        char text[2 * sizeof(digest) + 1];

        assert_true(gnutls_hash_fast(GNUTLS_DIG_SHA256, bytes, size, digest) >= 0);
        for (size_t i = 0; i < sizeof(digest); i++) {
                (void)snprintf(text + 2 * i, 3, "%02x", digest[i]);
        }
        assert_string_equal(text, expected);
}

static void names_and_values_are_as_written_down(void **state)
{
        assert_int_equal(ARRAY_SIZE(inputs), ARRAY_SIZE(vectors));
        for (size_t i = 0; i < ARRAY_SIZE(inputs); i++) {
                _cleanup_(share_form_freep) struct share_form *form = form_of(&inputs[i]);
                const struct shared_cool_down cool_down = { 1796000060000000 };
                uint8_t value[SHARE_VALUE_MAX];
                char lease[64];
                size_t size;

                assert_string_equal(share_form_session_name(form), vectors[i].name);
                (void)snprintf(lease, sizeof(lease), "%s:l", vectors[i].name);
                assert_string_equal(share_form_lease_name(form), lease);
                assert_int_equal(share_form_seal(form, &inputs[i].session, salt, value, &size), 0);
                assert_int_equal(size, vectors[i].size);
                assert_sha256(value, size, vectors[i].session_sha256);
                assert_int_equal(share_form_seal_cool_down(form, &cool_down, salt, value, &size), 0);
                assert_sha256(value, size, vectors[i].cool_down_sha256);
        }
}

/* Whatever of the input is another, the name is another, and so is the key of the values. */
static void every_input_counts(void **state)
{
        const struct input *one = &inputs[0];
        struct input others[6];
        _cleanup_(share_form_freep) struct share_form *form = form_of(one);
        struct shared_session opened;
        uint8_t value[SHARE_VALUE_MAX];
        size_t size;

        for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
                others[i] = *one;
        }
        others[0].id = "app-2";
        others[1].secret[31] = 'F';
        others[2].base_url = SANDBOX;
        others[3].n_fleet_secret = 1; /* a zero byte */
        others[4].n_fleet_secret = 2;
        others[5].base_url = BASE_URL "/";
        assert_int_equal(share_form_seal(form, &one->session, salt, value, &size), 0);
        for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
                _cleanup_(share_form_freep) struct share_form *other = form_of(&others[i]);

                assert_string_not_equal(share_form_session_name(other), share_form_session_name(form));
                assert_int_equal(share_form_open(other, value, size, &opened), -ENOENT);
                for (size_t j = 0; j < i; j++) {
                        _cleanup_(share_form_freep) struct share_form *third = form_of(&others[j]);
                        assert_string_not_equal(share_form_session_name(other),
                                                share_form_session_name(third));
                }
        }
}

static void a_short_secret_is_not_shared(void **state)
{
        const struct access_key key = { "app-1", "0123456789abcdef0123456789abcde" };
        struct share_form *form = NULL;

        assert_int_equal(strlen(key.secret), SHARE_SECRET_MIN - 1);
        assert_int_equal(share_form_new(&form, &key, BASE_URL, NULL, 0), -EOPNOTSUPP);
        assert_int_equal(share_form_new(&form, &key, BASE_URL, SECRET_32, 32), -EOPNOTSUPP);
        assert_null(form);
}

static void a_fleet_secret_has_a_size(void **state)
{
        const struct access_key key = { "app-1", SECRET_32 };
        static const char secret[SHARE_FLEET_SECRET_MAX + 1];
        struct share_form *form = NULL;

        assert_int_equal(share_form_new(&form, &key, BASE_URL, secret, 0), -EINVAL);
        assert_int_equal(share_form_new(&form, &key, BASE_URL, NULL, 1), -EINVAL);
        assert_int_equal(share_form_new(&form, &key, BASE_URL, secret, sizeof(secret)), -EINVAL);
        assert_null(form);
}

/* Neither the names nor a value have anything of the key or the token in them. */
static void nothing_secret_is_seen(void **state)
{
        const struct input *one = &inputs[0];
        _cleanup_(share_form_freep) struct share_form *form = form_of(one);
        uint8_t value[SHARE_VALUE_MAX];
        size_t size;

        assert_int_equal(share_form_seal(form, &one->session, salt, value, &size), 0);
        assert_null(memmem(value, size, one->session.ust, strlen(one->session.ust)));
        assert_null(memmem(value, size, one->session.mage_id, strlen(one->session.mage_id)));
        assert_null(strstr(share_form_session_name(form), one->id));
        assert_true(secret_locked(form) || geteuid() != 0);
        assert_null(share_form_free(NULL));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(names_and_values_are_as_written_down),
                cmocka_unit_test(every_input_counts),
                cmocka_unit_test(a_short_secret_is_not_shared),
                cmocka_unit_test(a_fleet_secret_has_a_size),
                cmocka_unit_test(nothing_secret_is_seen),
        };
        return cmocka_run_group_tests(tests, set_up, NULL);
}

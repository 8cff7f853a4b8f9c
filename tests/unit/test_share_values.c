/* A value that a store gave, opened: the session that was put in, or nothing. */
#include "lib/secret.h"
#include "lib/share_form.h"
#include "lib/share_form_object.h"
#include "tests/unit/unit.h"

#define BASE_URL "https://commercedeveloper-api.adobe.com"

static const uint8_t salt[SHARE_SALT_SIZE] = { 1, 2, 3 };
static struct share_form *form, *other;
static const struct shared_session session = { 1796000000123456, 7200, "MAG000000001", "tok-1" };

static int set_up(void **state)
{
        const struct access_key key = { "app-1", "0123456789abcdef0123456789abcdef" };
        const struct access_key others = { "app-1", "0123456789abcdef0123456789abcdeF" };

        return share_form_new(&form, &key, BASE_URL, NULL, 0) +
               share_form_new(&other, &others, BASE_URL, NULL, 0);
}

static int tear_down(void **state)
{
        form = share_form_free(form);
        other = share_form_free(other);
        return 0;
}

static void assert_miss(const void *value, size_t size)
{
        struct shared_session opened, before;
        struct shared_cool_down cool_down = { 4711 };

        memset(&opened, 0x5a, sizeof(opened));
        before = opened;
        assert_int_equal(share_form_open(form, value, size, &opened), -ENOENT);
        assert_memory_equal(&opened, &before, sizeof(opened));
        assert_int_equal(share_form_open_cool_down(form, value, size, &cool_down), -ENOENT);
        assert_int_equal(cool_down.until_wall_usec, 4711);
}

static void what_goes_in_comes_out(void **state)
{
        for (size_t n_ust = 1; n_ust <= SESSION_TOKEN_MAX; n_ust += n_ust < 1100 ? 1 : 107) {
                struct shared_session in = session, out;
                uint8_t value[SHARE_VALUE_MAX];
                size_t size;

                memset(in.ust, 'a' + (int)(n_ust % 26), n_ust);
                in.ust[n_ust] = '\0';
                assert_int_equal(share_form_seal(form, &in, salt, value, &size), 0);
                assert_int_equal((size - 49) % 512, 0);
                assert_int_equal(share_form_open(form, value, size, &out), 0);
                assert_string_equal(out.ust, in.ust);
                assert_string_equal(out.mage_id, in.mage_id);
                assert_int_equal(out.lifetime_sec, in.lifetime_sec);
                assert_int_equal(out.issued_wall_usec, in.issued_wall_usec);
        }
}

static void the_longest_and_the_latest_pass(void **state)
{
        struct shared_session in = { SHARE_TIME_MAX_USEC, LIFETIME_MAX_SEC, "", "" }, out;
        const struct shared_cool_down latest = { SHARE_TIME_MAX_USEC };
        struct shared_cool_down cool_down = { 0 };
        uint8_t value[SHARE_VALUE_MAX];
        size_t size;

        memset(in.ust, 't', SESSION_TOKEN_MAX);
        memset(in.mage_id, 'M', MAGE_ID_MAX);
        assert_int_equal(share_form_seal(form, &in, salt, value, &size), 0);
        assert_int_equal(size, 4657);
        assert_int_equal(share_form_open(form, value, size, &out), 0);
        assert_memory_equal(&in, &out, sizeof(in));
        assert_int_equal(share_form_seal_cool_down(form, &latest, salt, value, &size), 0);
        assert_int_equal(share_form_open_cool_down(form, value, size, &cool_down), 0);
        assert_int_equal(cool_down.until_wall_usec, SHARE_TIME_MAX_USEC);
}

static void every_bit_counts(void **state)
{
        uint8_t value[SHARE_VALUE_MAX + 1];
        size_t size;

        assert_int_equal(share_form_seal(form, &session, salt, value, &size), 0);
        for (size_t i = 0; i < 8 * size; i++) {
                value[i / 8] ^= (uint8_t)(1 << i % 8);
                assert_miss(value, size);
                value[i / 8] ^= (uint8_t)(1 << i % 8);
        }
        for (size_t shorter = 0; shorter < size; shorter++) {
                assert_miss(value, shorter);
        }
        memset(value + size, 0, sizeof(value) - size);
        assert_miss(value, size + 1);
        assert_miss(value, size + 512);
        assert_miss(value, sizeof(value));
}

static void a_stranger_reads_nothing_and_writes_nothing(void **state)
{
        struct shared_session opened;
        uint8_t value[SHARE_VALUE_MAX];
        size_t size;

        assert_int_equal(share_form_seal(other, &session, salt, value, &size), 0);
        assert_miss(value, size);
        assert_int_equal(share_form_open(other, value, size, &opened), 0);
}

/* A store that swaps what it keeps: a value is good in its own place only. */
static void neither_kind_passes_for_the_other(void **state)
{
        const struct shared_cool_down in = { 1796000060000000 };
        struct shared_cool_down cool_down = { 4711 };
        struct shared_session opened;
        uint8_t value[SHARE_VALUE_MAX];
        size_t size, session_size;

        assert_int_equal(share_form_seal(form, &session, salt, value, &session_size), 0);
        assert_int_equal(share_form_open_cool_down(form, value, session_size, &cool_down), -ENOENT);
        assert_int_equal(share_form_seal_cool_down(form, &in, salt, value, &size), 0);
        assert_int_equal(share_form_open(form, value, size, &opened), -ENOENT);
        assert_int_equal(share_form_open_cool_down(form, value, size, &cool_down), 0);
        assert_int_equal(cool_down.until_wall_usec, in.until_wall_usec);
        assert_int_equal(size, session_size); /* nor are they told apart by their size */

        /* Not even if the keys were the same. */
        assert_int_equal(
                share_seal(form->session_key, form->lease_name, salt, (uint8_t[512]){ 0 }, 512, value), 0);
        assert_miss(value, size);
}

/* Sealed as it should be, but of a size that none of ours has: nothing is taken for it. */
static void a_value_has_a_size(void **state)
{
        static const size_t none[] = { 0, 1, 511, 513, SHARE_VALUE_MAX / SHARE_PADDING * SHARE_PADDING };
        static const uint8_t text[SHARE_VALUE_MAX];
        uint8_t value[2 * SHARE_VALUE_MAX];
        _cleanup_secret_ uint8_t *opened = NULL;
        size_t n_padded = 4711;

        for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
                assert_int_equal(share_seal(form->session_key, "name", salt, text, none[i], value), 0);
                assert_int_equal(share_unseal(form->session_key, "name", value, share_sealed_size(none[i]),
                                              &opened, &n_padded),
                                 -ENOENT);
                assert_null(opened);
                assert_int_equal(n_padded, 4711);
        }
        assert_int_equal(share_seal(form->session_key, "name", salt, text, 512, value), 0);
        assert_int_equal(
                share_unseal(form->session_key, "name", value, share_sealed_size(512), &opened, &n_padded),
                0);
        assert_int_equal(n_padded, 512);
        assert_memory_equal(opened, text, 512);
}

/* Seals any text, as a host with the same key and another mind may. */
static void assert_nonsense(const void *text, size_t n)
{
        uint8_t padded[5120] = { 0 }, value[SHARE_VALUE_MAX];
        size_t n_padded = share_padded(n);

        assert_true(n_padded <= sizeof(padded));
        memcpy(padded, text, n);
        assert_int_equal(share_seal(form->session_key, form->session_name, salt, padded, n_padded, value),
                         0);
        assert_miss(value, share_sealed_size(n_padded));
        assert_int_equal(share_seal(form->cool_down_key, form->lease_name, salt, padded, n_padded, value),
                         0);
        assert_miss(value, share_sealed_size(n_padded));
}

#define TIME_HIGH "\x7f\xff\xff\xff\xff\xff\xff\xff"
#define TIME      "\0\x06\x61\x6d\xe3\xb1\x22\x40"
#define LIFE      "\0\0\x1c\x20"

/* The text of one session, with something wrong. A cool-down is a time and zeros alone. */
static void nonsense_inside_is_a_miss(void **state)
{
#define NONSENSE(text) assert_nonsense((text), sizeof(text) - 1)
        NONSENSE(TIME_HIGH LIFE "\0\1\1um");     /* after the year 9999 */
        NONSENSE(TIME "\0\0\0\0\0\1\1um");       /* no life */
        NONSENSE(TIME "\0\x27\x8d\x01\0\1\1um"); /* over 30 days */
        NONSENSE(TIME LIFE "\0\0\1m");           /* no token */
        NONSENSE(TIME LIFE "\0\1\0u");           /* no account */
        NONSENSE(TIME LIFE "\0\1\x41u"
                           "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm");
        NONSENSE(TIME LIFE "\x10\1\1um");   /* longer than a token may be */
        NONSENSE(TIME LIFE "\x02\0\1um");   /* longer than the text is */
        NONSENSE(TIME LIFE "\0\2\1u\0m");   /* a zero in the token */
        NONSENSE(TIME LIFE "\0\2\1u\nm");   /* a line end in it */
        NONSENSE(TIME LIFE "\0\2\1u\"m");   /* a quote in it */
        NONSENSE(TIME LIFE "\0\2\1u\xc3m"); /* beyond ASCII */
        NONSENSE(TIME LIFE "\0\1\2um ");    /* a space in the account */
        NONSENSE(TIME LIFE "\0\1\1um"
                           "x"); /* more behind it */
        NONSENSE(TIME LIFE "\0\1\1um"
                           "\0\0\0\0\0\0x");
#undef NONSENSE
        uint8_t longest[15 + SESSION_TOKEN_MAX + 2] = TIME LIFE "\x10\1\1"; /* one more than a token has */
        memset(longest + 15, 't', sizeof(longest) - 15);
        assert_nonsense(longest, sizeof(longest));
        uint8_t longer[513] = TIME LIFE "\0\1\1um"; /* a padding that is not needed */
        assert_nonsense(longer, sizeof(longer));
        static const uint8_t zeros[513];
        assert_nonsense(zeros, sizeof(zeros)); /* a cool-down of two blocks */
        longer[0] = 0xff;
        assert_nonsense(longer, 8); /* a cool-down after the year 9999 */
}

/* The one that the texts above are variants of. */
static void sense_inside_is_none(void **state)
{
        uint8_t padded[512] = TIME LIFE "\0\1\1um", value[SHARE_VALUE_MAX];
        struct shared_session opened;

        assert_int_equal(share_seal(form->session_key, form->session_name, salt, padded, 512, value), 0);
        assert_int_equal(share_form_open(form, value, share_sealed_size(512), &opened), 0);
        assert_int_equal(opened.lifetime_sec, 7200);
        assert_string_equal(opened.ust, "u");
        assert_string_equal(opened.mage_id, "m");
}

static void nonsense_is_not_sealed(void **state)
{
        struct shared_session bad[6];
        const struct shared_cool_down late = { SHARE_TIME_MAX_USEC + 1 };
        uint8_t value[SHARE_VALUE_MAX];
        size_t size = 4711;

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                bad[i] = session;
        }
        bad[0].ust[0] = '\0';
        bad[1].ust[1] = '\'';
        bad[2].mage_id[0] = '\0';
        bad[3].lifetime_sec = 0;
        bad[4].lifetime_sec = LIFETIME_MAX_SEC + 1;
        bad[5].issued_wall_usec = SHARE_TIME_MAX_USEC + 1;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                assert_int_equal(share_form_seal(form, &bad[i], salt, value, &size), -EINVAL);
        }
        memset(bad[0].ust, 'x', sizeof(bad[0].ust)); /* it has no end */
        assert_int_equal(share_form_seal(form, &bad[0], salt, value, &size), -EINVAL);
        assert_int_equal(share_form_seal_cool_down(form, &late, salt, value, &size), -EINVAL);
        assert_int_equal(size, 4711);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_goes_in_comes_out),
                cmocka_unit_test(the_longest_and_the_latest_pass),
                cmocka_unit_test(every_bit_counts),
                cmocka_unit_test(a_stranger_reads_nothing_and_writes_nothing),
                cmocka_unit_test(neither_kind_passes_for_the_other),
                cmocka_unit_test(a_value_has_a_size),
                cmocka_unit_test(nonsense_inside_is_a_miss),
                cmocka_unit_test(sense_inside_is_none),
                cmocka_unit_test(nonsense_is_not_sealed),
        };
        return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* Any bytes as a value that a store gives, and as the text inside a value of a host that has the key. If it
 * is accepted, it is a whole session or cool-down, and written again as it came. */
#include "lib/share_form.h"
#include "lib/share_form_object.h"
#include "lib/util.h"
#include "tests/fuzz/fuzz.h"

static const uint8_t salt[SHARE_SALT_SIZE] = { 1 };

static const struct share_form *one_form(void)
{
        static const struct access_key key = { "app-1", "0123456789abcdef0123456789abcdef" };
        static struct share_form *form;

        if (!form) {
                must(share_form_new(&form, &key, "https://eqp.example", "fleet", 5) == 0);
        }
        return form;
}

static void check_session(const uint8_t *value, size_t size)
{
        uint8_t again[SHARE_VALUE_MAX];
        struct shared_session session;
        size_t n_again;

        int r = share_form_open(one_form(), value, size, &session);
        if (r < 0) {
                must(r == -ENOENT);
                return;
        }
        must(token_exchange_is_plain(session.ust, strlen(session.ust), SESSION_TOKEN_MAX));
        must(token_exchange_is_plain(session.mage_id, strlen(session.mage_id), MAGE_ID_MAX));
        must(session.lifetime_sec > 0 && session.lifetime_sec <= LIFETIME_MAX_SEC);
        must(session.issued_wall_usec <= SHARE_TIME_MAX_USEC);
        must(share_form_seal(one_form(), &session, value + 1, again, &n_again) == 0);
        must(n_again == size && memcmp(again, value, size) == 0);
}

static void check_cool_down(const uint8_t *value, size_t size)
{
        uint8_t again[SHARE_VALUE_MAX];
        struct shared_cool_down cool_down;
        size_t n_again;

        int r = share_form_open_cool_down(one_form(), value, size, &cool_down);
        if (r < 0) {
                must(r == -ENOENT);
                return;
        }
        must(cool_down.until_wall_usec <= SHARE_TIME_MAX_USEC);
        must(share_form_seal_cool_down(one_form(), &cool_down, value + 1, again, &n_again) == 0);
        must(n_again == size && memcmp(again, value, size) == 0);
}

/* Padded with zeros; the rest is left out. */
static void check_text(const uint8_t *data, size_t size)
{
        const struct share_form *form = one_form();
        uint8_t text[10 * SHARE_PADDING] = { 0 }, value[SHARE_VALUE_MAX];
        size_t n_padded = share_padded(MIN_OF(MAX_OF(size, 1U), sizeof(text)));

        memcpy(text, data, MIN_OF(size, n_padded));
        must(share_seal(form->session_key, form->session_name, salt, text, n_padded, value) == 0);
        check_session(value, share_sealed_size(n_padded));
        check_cool_down(value, share_sealed_size(n_padded));
        must(share_seal(form->cool_down_key, form->lease_name, salt, text, n_padded, value) == 0);
        check_cool_down(value, share_sealed_size(n_padded));
        check_session(value, share_sealed_size(n_padded));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        check_session(data, size);
        check_cool_down(data, size);
        check_text(data, size);
        return 0;
}

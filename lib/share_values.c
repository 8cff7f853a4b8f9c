/* The text inside shared values: numbers with their highest byte first, then zeros up to a multiple of 512.
 *
 *     session      issued_wall_usec 8 | lifetime_sec 4 | n_ust 2 | n_mage_id 1 | ust | mage_id
 *     cool-down    until_wall_usec 8
 *
 * A text that is read is written again, and both must be equal: there is one spelling of everything. */
#include "lib/secret.h"
#include "lib/share_form_object.h"

#include <endian.h>

#define SESSION_HEAD   15
#define COOL_DOWN_TEXT 8
#define SESSION_MAX    (SESSION_HEAD + SESSION_TOKEN_MAX + MAGE_ID_MAX)

static void put_number(uint8_t *to, uint64_t number, size_t size)
{
        const uint64_t bytes = htobe64(number);

        memcpy(to, (const uint8_t *)&bytes + sizeof(bytes) - size, size);
}

static uint64_t get_number(const uint8_t *from, size_t size)
{
        uint64_t bytes = 0;

        memcpy((uint8_t *)&bytes + sizeof(bytes) - size, from, size);
        return be64toh(bytes);
}

static bool is_whole(const struct shared_session *session)
{
        size_t n_ust = strnlen(session->ust, sizeof(session->ust));
        size_t n_mage_id = strnlen(session->mage_id, sizeof(session->mage_id));

        return token_exchange_is_plain(session->ust, n_ust, SESSION_TOKEN_MAX) &&
               token_exchange_is_plain(session->mage_id, n_mage_id, MAGE_ID_MAX) &&
               session->lifetime_sec > 0 && session->lifetime_sec <= LIFETIME_MAX_SEC &&
               session->issued_wall_usec <= SHARE_TIME_MAX_USEC;
}

/* Of a whole session. Returns how long the text is, with its padding, in secret memory; 0: no memory. */
static size_t write_session(const struct shared_session *session, uint8_t **ret)
{
        size_t n_ust = strlen(session->ust), n_mage_id = strlen(session->mage_id);
        size_t n_padded = share_padded(SESSION_HEAD + n_ust + n_mage_id);
        uint8_t *text = secret_alloc(n_padded);

        if (!text) {
                return 0;
        }
        put_number(text, session->issued_wall_usec, 8);
        put_number(text + 8, session->lifetime_sec, 4);
        put_number(text + 12, n_ust, 2);
        put_number(text + 14, n_mage_id, 1);
        memcpy(text + SESSION_HEAD, session->ust, n_ust);
        memcpy(text + SESSION_HEAD + n_ust, session->mage_id, n_mage_id);
        *ret = text;
        return n_padded;
}

int share_form_seal(const struct share_form *form, const struct shared_session *session,
                    const uint8_t salt[static SHARE_SALT_SIZE], uint8_t ret[static SHARE_VALUE_MAX],
                    size_t *ret_size)
{
        _Static_assert((SESSION_MAX / SHARE_PADDING + 1) * SHARE_PADDING + 1 + SHARE_SALT_SIZE +
                                       SHARE_TAG_SIZE <=
                               SHARE_VALUE_MAX,
                       "a session that does not fit");
        _cleanup_secret_ uint8_t *text = NULL;

        if (!is_whole(session)) {
                return -EINVAL;
        }
        size_t n_padded = write_session(session, &text);
        if (n_padded == 0) {
                return -ENOMEM;
        }
        int r = share_seal(form->session_key, form->session_name, salt, text, n_padded, ret);
        if (r < 0) {
                return r;
        }
        *ret_size = share_sealed_size(n_padded);
        return 0;
}

/* Is this the very text that we would have written? */
static int compare(const struct shared_session *session, const uint8_t *text, size_t n_padded)
{
        _cleanup_secret_ uint8_t *again = NULL;
        size_t n_again = write_session(session, &again);

        if (n_again == 0) {
                return -ENOMEM;
        }
        return n_again == n_padded && secret_equal(again, text, n_padded) ? 0 : -ENOENT;
}

static int read_session(const uint8_t *text, size_t n_padded, struct shared_session *session)
{
        size_t n_ust = get_number(text + 12, 2), n_mage_id = get_number(text + 14, 1);

        if (n_ust > SESSION_TOKEN_MAX || n_mage_id > MAGE_ID_MAX ||
            SESSION_HEAD + n_ust + n_mage_id > n_padded) {
                return -ENOENT;
        }
        session->issued_wall_usec = get_number(text, 8);
        session->lifetime_sec = (uint32_t)get_number(text + 8, 4);
        memcpy(session->ust, text + SESSION_HEAD, n_ust);
        memcpy(session->mage_id, text + SESSION_HEAD + n_ust, n_mage_id);
        return is_whole(session) ? compare(session, text, n_padded) : -ENOENT;
}

int share_form_open(const struct share_form *form, const void *value, size_t size,
                    struct shared_session *ret)
{
        _cleanup_secret_ uint8_t *text = NULL;
        _cleanup_secret_ struct shared_session *session = NULL;
        size_t n_padded;
        int r = share_unseal(form->session_key, form->session_name, value, size, &text, &n_padded);

        if (r < 0) {
                return r;
        }
        session = secret_alloc(sizeof(*session));
        if (!session) {
                return -ENOMEM;
        }
        r = read_session(text, n_padded, session);
        if (r < 0) {
                return r;
        }
        *ret = *session;
        return 0;
}

int share_form_seal_cool_down(const struct share_form *form, const struct shared_cool_down *cool_down,
                              const uint8_t salt[static SHARE_SALT_SIZE],
                              uint8_t ret[static SHARE_VALUE_MAX], size_t *ret_size)
{
        uint8_t text[SHARE_PADDING] = { 0 };

        if (cool_down->until_wall_usec > SHARE_TIME_MAX_USEC) {
                return -EINVAL;
        }
        put_number(text, cool_down->until_wall_usec, COOL_DOWN_TEXT);
        int r = share_seal(form->cool_down_key, form->lease_name, salt, text, sizeof(text), ret);
        if (r < 0) {
                return r;
        }
        *ret_size = share_sealed_size(sizeof(text));
        return 0;
}

int share_form_open_cool_down(const struct share_form *form, const void *value, size_t size,
                              struct shared_cool_down *ret)
{
        static const uint8_t zeros[SHARE_PADDING - COOL_DOWN_TEXT];
        _cleanup_secret_ uint8_t *text = NULL;
        size_t n_padded;
        int r = share_unseal(form->cool_down_key, form->lease_name, value, size, &text, &n_padded);

        if (r < 0) {
                return r;
        }
        uint64_t until_wall_usec = get_number(text, COOL_DOWN_TEXT);
        if (n_padded != SHARE_PADDING || until_wall_usec > SHARE_TIME_MAX_USEC ||
            memcmp(text + COOL_DOWN_TEXT, zeros, sizeof(zeros)) != 0) {
                return -ENOENT;
        }
        ret->until_wall_usec = until_wall_usec;
        return 0;
}

/* The secret of opaque tokens, as a text:
 *
 *     opaque 1 NUMBER BOOT_ID KEY
 *
 * with the key in hexadecimal digits. No library sees it: it would leave a copy in its memory. */
#include "lib/saved_opaque_key.h"

#include "lib/secret.h"
#include "lib/util.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define HEAD "opaque 1 "

static const char digits[] = "0123456789abcdef";

static void put_hex(const uint8_t *bytes, size_t n, char *ret)
{
        for (size_t i = 0; i < n; i++) {
                *ret++ = digits[bytes[i] >> 4];
                *ret++ = digits[bytes[i] & 15];
        }
}

static bool get_hex(const char *text, uint8_t *ret, size_t n)
{
        for (size_t i = 0; i < 2 * n; i++) {
                const char *digit = memchr(digits, text[i], sizeof(digits) - 1);
                if (!digit) {
                        return false;
                }
                ret[i / 2] = (uint8_t)(ret[i / 2] << 4 | (digit - digits));
        }
        return true;
}

int saved_opaque_key_format(const struct saved_opaque_key *saved, char **ret, size_t *ret_length)
{
        char *text = secret_alloc(SAVED_OPAQUE_KEY_MAX);

        if (!text) {
                return -ENOMEM;
        }
        size_t n = (size_t)snprintf(text, SAVED_OPAQUE_KEY_MAX, HEAD "%" PRIu64 " %s ", saved->number,
                                    saved->boot_id);
        put_hex(saved->key, sizeof(saved->key), text + n);
        n += 2 * sizeof(saved->key);
        text[n++] = '\n';
        *ret = text;
        *ret_length = n;
        return 0;
}

/* Takes the values out; a wrong one shows when they are written again. */
static bool take(const char *text, size_t length, struct saved_opaque_key *saved)
{
        const size_t tail = SAVED_BOOT_ID_LENGTH + 1 + 2 * sizeof(saved->key) + 1;
        size_t at = strlen(HEAD);

        if (length > SAVED_OPAQUE_KEY_MAX || length < at + 1 + 1 + tail) {
                return false;
        }
        for (; at < length - tail - 1 && text[at] >= '0' && text[at] <= '9'; at++) {
                if (saved->number > SAVED_NUMBER_MAX / 10) {
                        return false;
                }
                saved->number = saved->number * 10 + (uint64_t)(text[at] - '0');
        }
        memcpy(saved->boot_id, text + length - tail, SAVED_BOOT_ID_LENGTH);
        return at == length - tail - 1 && saved->number > 0 &&
               strspn(saved->boot_id, digits) == SAVED_BOOT_ID_LENGTH &&
               get_hex(text + length - tail + SAVED_BOOT_ID_LENGTH + 1, saved->key, sizeof(saved->key));
}

int saved_opaque_key_parse(const char *text, size_t length, struct saved_opaque_key **ret,
                           const char **reterr_why)
{
        _cleanup_secret_ struct saved_opaque_key *saved = secret_alloc(sizeof(*saved));
        _cleanup_secret_ char *again = NULL;
        size_t again_length;

        *reterr_why = "it is damaged";
        if (!saved) {
                return -ENOMEM;
        }
        if (!take(text, length, saved)) {
                return -EBADMSG;
        }
        int r = saved_opaque_key_format(saved, &again, &again_length);
        if (r < 0) {
                return r;
        }
        if (again_length != length || !secret_equal(again, text, length)) {
                return -EBADMSG;
        }
        *ret = take_ptr(saved);
        return 0;
}

/* An API access key as read from a key file.
 *
 * The whole key is one block of secret memory: the struct, then the ID, then the secret, each with its NUL.
 * Nothing of it is copied anywhere else here, and no message quotes any part of the file: half a key in a
 * log is still half a key. A key is immutable; the code that parsed it frees it. */
#include "lib/access_key.h"

#include "lib/secret.h"
#include "lib/util.h"

#include <errno.h>

#define FORM "APPLICATION_ID:APPLICATION_SECRET"

static int refuse(const char **reterr_why, const char *why)
{
        *reterr_why = why;
        return -EINVAL;
}

/* The length without one line end. */
static size_t line_length(const char *text, size_t length)
{
        if (length > 0 && text[length - 1] == '\n') {
                length--;
                if (length > 0 && text[length - 1] == '\r') {
                        length--;
                }
        }
        return length;
}

/* By its mark; or by a first character of two bytes, one of which is zero, as any ASCII is in UTF-16. */
static bool is_utf16(const char *text, size_t length)
{
        return length >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0 ||
                               (text[0] == '\0') != (text[1] == '\0'));
}

static bool is_quoted(const char *text, size_t length)
{
        return length >= 2 && (text[0] == '"' || text[0] == '\'') && text[length - 1] == text[0];
}

/* NULL, or what is wrong with the bytes of the line. The encoding comes first, then line ends: they explain
 * most other oddities. */
static const char *find_bad_byte(const char *text, size_t length)
{
        if (is_utf16(text, length)) {
                return "it is UTF-16: save it as plain ASCII text: just " FORM " on one line";
        }
        if (memchr(text, '\n', length) || memchr(text, '\r', length)) {
                return "it has more than one line: write just " FORM " on one line";
        }
        if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
                return "it begins with a byte order mark: save it as plain text without one";
        }

        for (size_t i = 0; i < length; i++) {
                unsigned char c = (unsigned char)text[i];

                if (c == '\0') {
                        return "it has a NUL byte: it is no plain text";
                }
                if (c == ' ' || c == '\t') {
                        return "it has a space or tab: write just " FORM;
                }
                if (c < 0x20 || c == 0x7f) {
                        return "it has a control character: write just " FORM;
                }
                if (c > 0x7f) {
                        return "it has a byte that is not ASCII: write just " FORM;
                }
        }
        return NULL;
}

/* NULL, or what is wrong with where the colon stands. */
static const char *find_bad_part(size_t id_length, size_t secret_length)
{
        if (id_length == 0) {
                return "nothing stands before the colon: write " FORM;
        }
        if (secret_length == 0) {
                return "nothing stands behind the colon: write " FORM;
        }
        if (id_length > APPLICATION_ID_MAX) {
                return "the application ID is over 256 characters long: write " FORM;
        }
        if (secret_length > APPLICATION_SECRET_MAX) {
                return "the application secret is over 1024 characters long: write " FORM;
        }
        return NULL;
}

/* Around the line or a part of it they are somebody's syntax, such as a shell's; the upstream hands out
 * none.
 */
static bool has_quotes(const char *text, size_t id_length, size_t secret_length)
{
        return is_quoted(text, id_length + 1 + secret_length) || is_quoted(text, id_length) ||
               is_quoted(text + id_length + 1, secret_length);
}

static struct access_key *make_key(const char *id, size_t id_length, const char *secret,
                                   size_t secret_length)
{
        struct access_key *key = secret_alloc(sizeof(*key) + id_length + 1 + secret_length + 1);

        if (key) {
                /* The block is zeroed, so both parts end in a NUL already. */
                char *place = (char *)(key + 1);
                key->id = memcpy(place, id, id_length);
                key->secret = memcpy(place + id_length + 1, secret, secret_length);
        }
        return key;
}

int access_key_parse(const char *text, size_t length, struct access_key **ret, const char **reterr_why)
{
        const char *colon, *why;
        size_t id_length, secret_length;
        struct access_key *key;

        length = line_length(text, length);
        if (length == 0) {
                return refuse(reterr_why, "it is empty: write " FORM);
        }
        why = find_bad_byte(text, length);
        if (why) {
                return refuse(reterr_why, why);
        }
        colon = memchr(text, ':', length);
        if (!colon) {
                return refuse(reterr_why, "it has no colon: write " FORM);
        }

        id_length = (size_t)(colon - text);
        secret_length = length - id_length - 1;
        why = find_bad_part(id_length, secret_length);
        if (why) {
                return refuse(reterr_why, why);
        }
        if (has_quotes(text, id_length, secret_length)) {
                return refuse(reterr_why, "there are quotes around it: write it without quotes, as " FORM);
        }

        key = make_key(text, id_length, colon + 1, secret_length);
        if (!key) {
                return -ENOMEM;
        }
        *ret = key;
        return 0;
}

struct access_key *access_key_copy(const struct access_key *key)
{
        return make_key(key->id, strlen(key->id), key->secret, strlen(key->secret));
}

#define BASE64_LENGTH(n) (((n) + 2) / 3 * 4)

/* RFC 4648. Into memory that is zeroed, without a NUL. */
static void write_base64(char *ret, const char *bytes, size_t n)
{
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

        for (size_t i = 0; i < n; i += 3) {
                size_t have = MIN_OF(n - i, (size_t)3);
                uint32_t bits = 0;

                for (size_t j = 0; j < 3; j++) {
                        bits = bits << 8 | (j < have ? (unsigned char)bytes[i + j] : 0);
                }
                for (size_t j = 0; j < 4; j++) {
                        *ret++ = j <= have ? digits[bits >> (18 - 6 * j) & 63] : '=';
                }
        }
}

char *access_key_basic(const struct access_key *key)
{
        size_t id_length = strlen(key->id), secret_length = strlen(key->secret);
        const size_t both = id_length + 1 + secret_length;
        char *basic = secret_alloc(BASE64_LENGTH(both) + 1);
        _cleanup_secret_ char *text = secret_alloc(both);

        if (!basic || !text) {
                return secret_free(basic);
        }
        memcpy(text, key->id, id_length);
        text[id_length] = ':';
        memcpy(text + id_length + 1, key->secret, secret_length);
        write_base64(basic, text, both);
        return basic;
}

static bool same(const char *a, const char *b)
{
        size_t length = strlen(a);

        return strlen(b) == length && secret_equal(a, b, length);
}

/* Both parts in any case: the time must not tell which one was right. */
bool access_key_equal(const struct access_key *a, const struct access_key *b)
{
        bool same_id = same(a->id, b->id), same_secret = same(a->secret, b->secret);

        return same_id && same_secret;
}

struct access_key *access_key_free(struct access_key *key)
{
        return secret_free(key);
}

void access_key_freep(struct access_key **key)
{
        *key = access_key_free(*key);
}

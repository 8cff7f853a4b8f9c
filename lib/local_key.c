/* A local key; its callers and its requests are lists of rules. Its secret is not here: a hash of it is.
 */
#include "lib/local_key.h"

#include "lib/hex.h"
#include "lib/util.h"

#include <errno.h>

bool local_key_id_valid(const char *id, size_t length)
{
        static const char first[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

        if (length < 1 || length > LOCAL_KEY_ID_MAX || !memchr(first, id[0], strlen(first))) {
                return false;
        }
        for (size_t i = 1; i < length; i++) {
                if (!memchr(first, id[i], strlen(first)) && !memchr("._-", id[i], 3)) {
                        return false;
                }
        }
        return true;
}

void local_key_clear(struct local_key *key)
{
        access_rules_clear(&key->callers);
        gateway_rules_clear(&key->rules);
        *key = (struct local_key){ .real = false };
}

int local_key_copy(struct local_key *ret, const struct local_key *from)
{
        struct local_key copy = *from;
        int r;

        r = access_rules_copy(&copy.callers, &from->callers);
        if (r < 0) {
                return r;
        }
        r = gateway_rules_copy(&copy.rules, &from->rules);
        if (r < 0) {
                access_rules_clear(&copy.callers);
                return r;
        }
        *ret = copy;
        return 0;
}

int local_key_hash_parse(const char *text, uint8_t ret[static LOCAL_KEY_HASH_SIZE])
{
        uint8_t hash[LOCAL_KEY_HASH_SIZE];

        for (size_t i = 0; i < LOCAL_KEY_HASH_SIZE; i++) {
                int high = hex_digit(text[2 * i]), low = high < 0 ? -1 : hex_digit(text[2 * i + 1]);

                if (low < 0) {
                        return -EINVAL;
                }
                hash[i] = (uint8_t)(high * 16 + low);
        }
        if (text[2 * LOCAL_KEY_HASH_SIZE] != '\0') {
                return -EINVAL;
        }
        memcpy(ret, hash, sizeof(hash));
        return 0;
}

void local_key_hash_format(const uint8_t hash[static LOCAL_KEY_HASH_SIZE],
                           char ret[static 2 * LOCAL_KEY_HASH_SIZE + 1])
{
        static const char digits[] = "0123456789abcdef";

        for (size_t i = 0; i < LOCAL_KEY_HASH_SIZE; i++) {
                ret[2 * i] = digits[hash[i] >> 4];
                ret[2 * i + 1] = digits[hash[i] & 15];
        }
        ret[2 * LOCAL_KEY_HASH_SIZE] = '\0';
}

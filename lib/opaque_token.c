/* The form of a local key's opaque token. */
#include "lib/opaque_token.h"

#include "lib/util.h"

#include <errno.h>
#include <stdio.h>

#define LABEL "eqp-broker opaque token 1" /* with its NUL */
/* expires_sec, uid, nonce, MAC: a multiple of 3, so that base64 needs no padding */
#define CARRIED_SIZE (8 + 4 + OPAQUE_TOKEN_NONCE_SIZE + OPAQUE_TOKEN_MAC_SIZE)
#define DIGITS       (CARRIED_SIZE / 3 * 4)

_Static_assert(CARRIED_SIZE % 3 == 0 && DIGITS == 80, "as the header says");

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* ---- numbers, the highest byte first ---- */

static uint8_t *put_number(uint8_t *to, uint64_t number, size_t size)
{
        for (size_t i = 0; i < size; i++) {
                to[i] = (uint8_t)(number >> 8 * (size - 1 - i));
        }
        return to + size;
}

static uint64_t get_number(const uint8_t *from, size_t size)
{
        uint64_t number = 0;

        for (size_t i = 0; i < size; i++) {
                number = number << 8 | from[i];
        }
        return number;
}

static uint8_t *put_bytes(uint8_t *to, const void *bytes, size_t size)
{
        memcpy(to, bytes, size);
        return to + size;
}

/* ---- the text ---- */

bool opaque_token_looks_like(const char *text)
{
        return strncmp(text, OPAQUE_TOKEN_PREFIX, strlen(OPAQUE_TOKEN_PREFIX)) == 0;
}

static bool read_digits(const char *text, uint8_t ret[static CARRIED_SIZE])
{
        for (size_t i = 0; i < DIGITS; i += 4) {
                uint32_t group = 0;
                for (size_t j = 0; j < 4; j++) {
                        const char *digit = memchr(alphabet, text[i + j], sizeof(alphabet) - 1);
                        if (!digit) {
                                return false;
                        }
                        group = group << 6 | (uint32_t)(digit - alphabet);
                }
                (void)put_number(ret + i / 4 * 3, group, 3);
        }
        return true;
}

int opaque_token_parse(const char *text, struct opaque_token *ret)
{
        const size_t prefix = strlen(OPAQUE_TOKEN_PREFIX), length = strnlen(text, OPAQUE_TOKEN_TEXT_MAX + 1);
        struct opaque_token token = { 0 };
        uint8_t carried[CARRIED_SIZE];

        if (length > OPAQUE_TOKEN_TEXT_MAX || length < prefix + 1 + 1 + DIGITS ||
            !opaque_token_looks_like(text)) {
                return -EINVAL;
        }
        size_t name_length = length - prefix - 1 - DIGITS;
        const char *digits = text + length - DIGITS;
        if (digits[-1] != '.' || !read_digits(digits, carried)) {
                return -EINVAL;
        }
        memcpy(token.name, text + prefix, name_length);
        token.expires_sec = (int64_t)get_number(carried, 8);
        token.uid = (uint32_t)get_number(carried + 8, 4);
        memcpy(token.nonce, carried + 12, sizeof(token.nonce));
        memcpy(token.mac, carried + 12 + sizeof(token.nonce), sizeof(token.mac));
        *ret = token;
        return 0;
}

void opaque_token_format(const struct opaque_token *token, char ret[static OPAQUE_TOKEN_TEXT_MAX + 1])
{
        uint8_t carried[CARRIED_SIZE], *end = carried;
        size_t n = (size_t)snprintf(ret, OPAQUE_TOKEN_TEXT_MAX + 1, OPAQUE_TOKEN_PREFIX "%s.", token->name);

        end = put_number(end, (uint64_t)token->expires_sec, 8);
        end = put_number(end, token->uid, 4);
        end = put_bytes(end, token->nonce, sizeof(token->nonce));
        (void)put_bytes(end, token->mac, sizeof(token->mac));
        for (size_t i = 0; i < CARRIED_SIZE; i += 3) {
                uint32_t group = (uint32_t)get_number(carried + i, 3);
                for (unsigned j = 0; j < 4; j++) {
                        ret[n++] = alphabet[group >> (18 - 6 * j) & 63];
                }
        }
        ret[n] = '\0';
}

/* ---- what it is bound to ---- */

size_t opaque_token_bound(const struct opaque_token *token, const struct opaque_token_key *key,
                          uint8_t ret[static OPAQUE_TOKEN_BOUND_MAX])
{
        uint8_t *end = put_bytes(ret, LABEL, sizeof(LABEL));

        /* No text has a NUL, so where each ends is certain. */
        end = put_bytes(end, key->environment, strnlen(key->environment, ENVIRONMENT_NAME_MAX) + 1);
        end = put_bytes(end, token->name, strlen(token->name) + 1);
        end = put_bytes(end, key->id, strnlen(key->id, OPAQUE_TOKEN_ID_MAX) + 1);
        end = put_bytes(end, key->secret_hash, OPAQUE_TOKEN_HASH_SIZE);
        end = put_number(end, (uint64_t)token->expires_sec, 8);
        end = put_number(end, token->uid, 4);
        end = put_bytes(end, token->nonce, sizeof(token->nonce));
        return (size_t)(end - ret);
}

bool opaque_token_expired(const struct opaque_token *token, int64_t now_sec)
{
        return token->expires_sec <= now_sec || token->expires_sec > now_sec + OPAQUE_TOKEN_LIFE_MAX_SEC;
}

/* The query of the token path. A message quotes harmless keys of it, and nothing else. */
#include "lib/token_query.h"

#include "lib/util.h"

#include <errno.h>
#include <stdio.h>

#define QUERY_KEY_LENGTH_MAX 32

static int refuse(char *reterr_message, size_t size, const char *message)
{
        (void)snprintf(reterr_message, size, "%s", message);
        return -EINVAL;
}

static int refuse_key(const char *key, size_t length, char *reterr_message, size_t size)
{
        if (length >= 1 && length <= QUERY_KEY_LENGTH_MAX &&
            strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789_-") >= length) {
                (void)snprintf(reterr_message, size,
                               "the query key %.*s is unknown: use min_ttl and wait only", (int)length, key);
        } else {
                (void)snprintf(reterr_message, size,
                               "the query has an unknown key: use min_ttl and wait only");
        }
        return -EINVAL;
}

static int parse_seconds(const char *text, size_t length, uint32_t *ret_sec)
{
        uint64_t seconds = 0;

        if (length < 1 || length > 10) {
                return -EINVAL;
        }
        for (size_t i = 0; i < length; i++) {
                if (text[i] < '0' || text[i] > '9') {
                        return -EINVAL;
                }
                seconds = seconds * 10 + (uint64_t)(text[i] - '0');
        }
        if (seconds > UINT32_MAX) {
                return -ERANGE;
        }
        *ret_sec = (uint32_t)seconds;
        return 0;
}

/* One "key=value" of the query; *seen holds a bit per key. */
static int read_pair(const char *pair, size_t length, struct token_query *query, unsigned *seen,
                     char *reterr_message, size_t size)
{
        const char *equals = memchr(pair, '=', length);
        size_t key_length = equals ? (size_t)(equals - pair) : length;
        size_t value_length = equals ? length - key_length - 1 : 0;
        bool is_wait = key_length == strlen("wait") && memcmp(pair, "wait", key_length) == 0;
        bool is_min_ttl = key_length == strlen("min_ttl") && memcmp(pair, "min_ttl", key_length) == 0;
        unsigned bit = is_wait ? 1 : 2;
        uint32_t seconds;

        if (!is_wait && !is_min_ttl) {
                return refuse_key(pair, key_length, reterr_message, size);
        }
        if (*seen & bit) {
                return refuse(reterr_message, size,
                              is_wait ? "wait is given twice: give it once"
                                      : "min_ttl is given twice: give it once");
        }
        *seen |= bit;

        if (!equals || parse_seconds(equals + 1, value_length, &seconds) < 0) {
                return refuse(reterr_message, size,
                              is_wait ? "wait is not a number of seconds from 0 to 30"
                                      : "min_ttl is not a number of seconds: write it in decimal digits");
        }
        if (is_wait && seconds > TOKEN_WAIT_MAX_SEC) {
                return refuse(reterr_message, size, "wait is over 30 seconds: ask again instead");
        }
        query->has_wait |= is_wait;
        *(is_wait ? &query->wait_sec : &query->min_ttl_sec) = seconds;
        return 0;
}

int token_query_parse(const char *target, struct token_query *ret, char *reterr_message, size_t size)
{
        struct token_query query = { .wait_sec = TOKEN_WAIT_DEFAULT_SEC };
        const char *p = target ? strchr(target, '?') : NULL;
        unsigned seen = 0;

        if (p && p[1] != '\0') {
                do {
                        size_t length = strcspn(++p, "&");
                        int r = read_pair(p, length, &query, &seen, reterr_message, size);

                        if (r < 0) {
                                return r;
                        }
                        p += length;
                } while (*p == '&');
        }
        *ret = query;
        return 0;
}

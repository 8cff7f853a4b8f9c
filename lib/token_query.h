/* The query of GET /v1/{environment}/token, the one path that may have any. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct token_query {
        uint32_t min_ttl_sec; /* 0: any */
        uint32_t wait_sec;    /* default 2, at most 30 */
        bool has_wait;        /* it is not the default */
};
#define TOKEN_WAIT_DEFAULT_SEC 2
#define TOKEN_WAIT_MAX_SEC     30

/* Reads the query part of a raw target (after '?'; NULL or none at all: the defaults). Keys: min_ttl, wait,
 * each once, plain decimal digits. -EINVAL: reterr_message (size bytes) says which key or value and what to
 * do; unknown keys are named only if they are [a-z0-9_-]{1,32}. A wait over 30 is an error. */
int token_query_parse(const char *target, struct token_query *ret, char *reterr_message, size_t size);

/* A session token in the forms in which programs print it, put together in memory for secrets. */
#pragma once

#include "lib/secret.h"
#include "lib/shell_word.h"

enum token_format {
        TOKEN_FORMAT_RAW,    /* the bare token */
        TOKEN_FORMAT_JSON,   /* the token and what belongs to it, as GET /v1/ENVIRONMENT/token answers */
        TOKEN_FORMAT_HEADER, /* a line for curl -H @- */
        TOKEN_FORMAT_ENV,    /* EQP_TOKEN=, EQP_MAGE_ID=, EQP_BASE_URL=, for a shell and for env files */
        _TOKEN_FORMAT_COUNT,
};

/* A token, an account and a URL, of at most 4096, 64 and 2048 characters, with their names. */
#define TOKEN_TEXT_MAX (SHELL_WORD_MAX(4096 + 64 + 2048) + 512)

struct token_text {
        char *bytes; /* TOKEN_TEXT_MAX, from secret_alloc(); no NUL behind them */
        size_t length;
        bool too_long; /* something had no room, and is missing */
};

/* "raw", "json", "header", "env"; -EINVAL for other words. */
int token_format_parse(const char *word, enum token_format *ret);

/* Adds to the text. */
void token_text_add(struct token_text *text, const char *string);
void token_text_add_bytes(struct token_text *text, const char *bytes, size_t length);

/* Adds the token in any format but JSON, of which each program has its own: one line, or for ENV three, with
 * their newlines. */
void token_text_put(struct token_text *text, enum token_format format, const char *ust, const char *mage_id,
                    const char *base_url);

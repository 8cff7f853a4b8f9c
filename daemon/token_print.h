/* A token on standard output, for scripts and init containers. */
#pragma once

#include "lib/environment_view.h"
#include "lib/session.h"

enum token_print_format {
        TOKEN_PRINT_RAW,    /* the bare token */
        TOKEN_PRINT_JSON,   /* the answer of GET /v1/ENVIRONMENT/token */
        TOKEN_PRINT_HEADER, /* a line for curl -H @- */
        TOKEN_PRINT_ENV,    /* EQP_TOKEN=, EQP_MAGE_ID=, EQP_BASE_URL=, for a shell and for env files */
        _TOKEN_PRINT_COUNT,
};

/* "raw", "json", "header", "env"; -EINVAL for other words. */
int token_print_format_parse(const char *word, enum token_print_format *ret);

/* Writes the token, in that format and with a line end, to a descriptor. Negative errno. */
int token_print(int fd, enum token_print_format format, const struct environment_view *view,
                const struct session *session, uint64_t now_usec);

/* fault_table: the faults and their parameters as rows. */
#pragma once

#include <json-c/json.h>

enum fault_kind {
        FAULT_REFUSE,
        FAULT_THROTTLE,
        FAULT_UNAVAILABLE,
        FAULT_STATUS,
        FAULT_REDIRECT,
        FAULT_HANG,
        FAULT_DRIP,
        FAULT_TRUNCATE,
        FAULT_RESET,
        FAULT_WRONG_TYPES,
        FAULT_MISSING_FIELD,
        FAULT_EMPTY_FIELD,
        FAULT_GIANT,
        FAULT_BAD_UTF8,
        FAULT_NOT_JSON,
        FAULT_LIFETIME,
        FAULT_BAD_UST,
        FAULT_ACCOUNT,
        FAULT_WRONG_CERTIFICATE,
        FAULT_RESET_ON_ACCEPT,
        FAULT_GARBAGE,
        FAULT_REFUSE_CONNECT,
        FAULT_CUT,
        FAULT_SLOW_UPLOAD,
        FAULT_DELAY,
        FAULT_KINDS
};

/* A fault acts at one of five stages:
 *   connection  before any request is read; the path plays no part
 *   body        on how a request's body is taken; chosen, and used up, when its head has been read
 *   instead     in place of the right answer, which is never worked out (no token is issued)
 *   grant       on the answer to a token request that succeeds; the token is issued
 *   answer      on the right answer, whatever it is, in how it is sent */
enum fault_stage { STAGE_CONNECTION, STAGE_BODY, STAGE_INSTEAD, STAGE_GRANT, STAGE_ANSWER };

/* The row of a kind. */
struct fault_row {
        const char *name;
        enum fault_stage stage;
};

extern const struct fault_row fault_rows[FAULT_KINDS];

/* The kind with the name, or -EINVAL. */
int fault_kind_from_name(const char *name);

/* Checks a parameter of a fault. Returns 0, -ENOMEM, or -EINVAL with the reason in *reterr_message, which
 * the caller frees. */
int fault_check_parameter(enum fault_kind kind, const char *name, struct json_object *value,
                          char **reterr_message);

/* The first parameter that the kind cannot do without and that is not there, or NULL. */
const char *fault_missing_parameter(enum fault_kind kind, struct json_object *parameters);

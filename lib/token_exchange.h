/* One exchange of an access key for a session token, as bytes: the request that asks, and what an answer
 * means. The vendor documents only the good answer; everything else is told apart by its HTTP status, and
 * the body is never trusted. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SESSION_TOKEN_MAX  4096 /* characters of `ust` */
#define MAGE_ID_MAX        64
#define LIFETIME_MAX_SEC   (30 * 24 * 3600)
#define TOKEN_REPLY_MAX    65536 /* bytes of body */
#define TOKEN_REQUEST_PATH "/rest/v1/app/session/token"
#define ANSWER_MESSAGE_MAX 200

struct json_object;

enum exchange_outcome {
        EXCHANGE_GRANTED,         /* a whole, sane answer */
        EXCHANGE_KEY_REFUSED,     /* 401 */
        EXCHANGE_THROTTLED,       /* 429, or 503 with Retry-After */
        EXCHANGE_UNAVAILABLE,     /* network, TLS, time-out, 408, 425, 5xx */
        EXCHANGE_REQUEST_REFUSED, /* any other 4xx: our fault, or not the API that answers */
        EXCHANGE_MALFORMED,       /* 200 with anything but a whole answer, another 2xx, a redirect */
        EXCHANGE_OTHER_ACCOUNT,   /* a whole answer, but for another account than the environment's */
        _EXCHANGE_OUTCOME_COUNT,
};

/* "granted", "key_refused", "throttled", "unavailable", "request_refused", "malformed", "other_account". */
const char *exchange_outcome_name(enum exchange_outcome outcome);

/* The grant. Holds a secret: keep it in secret memory, or wipe it. */
struct grant {
        uint32_t lifetime_sec;
        char mage_id[MAGE_ID_MAX + 1];
        char ust[SESSION_TOKEN_MAX + 1];
};

/* Is this 1 to max characters of visible ASCII without quotes (" and ')? So are `ust` and `mage_id`: they
 * fit into a header as they are. */
bool token_exchange_is_plain(const char *text, size_t length, size_t max);

/* An answer as it came from the wire. Its Content-Type is not here: a body that is a whole grant is one,
 * whatever it is said to be, and any other is none. */
struct exchange_answer {
        long status;             /* HTTP status */
        const char *retry_after; /* the header's value or NULL */
        const char *date;        /* likewise */
        const char *body;
        size_t body_length;
};

/* Retry-After was absent or unreadable. */
#define RETRY_AFTER_NONE UINT32_MAX

/* Writes the JSON body that asks for a lifetime: {"grant_type":"session","expires_in":7200}. Returns its
 * length, or -ENOBUFS. */
int token_exchange_request_body(uint32_t lifetime_sec, char *buffer, size_t size);

/* Reads `expires_in`, as it is granted or asked for: an integer, or a string of digits, from 1 to
 * LIFETIME_MAX_SEC; a fraction, even 7200.0, is neither. -EBADMSG: it is not there, or is no such thing. */
int token_exchange_lifetime(const struct json_object *object, uint32_t *ret_sec);

/* Tells what an answer means. For EXCHANGE_GRANTED *ret_grant is filled; else it is untouched.
 * *ret_retry_after_sec is how long to wait from now on, RETRY_AFTER_NONE if granted or not said; a date
 * counts against the answer's own, and against wall_now_sec where there is none. *ret_why is a static text
 * for people, to stand behind the status: the fault of the answer ("expires_in is not a whole number
 * of seconds from 1 s to 30 days"); "" when granted. Whole means: `ust` 1–4096 visible ASCII characters
 * without quotes (" and '), `mage_id` 1–64 of the same, `expires_in` an integer, or a string of digits, from
 * 1 to LIFETIME_MAX_SEC. Duplicate fields: the last counts. Text after the JSON value, other than white
 * space, is malformed; so is a body over TOKEN_REPLY_MAX, a NUL byte, invalid UTF-8. */
enum exchange_outcome token_exchange_classify(const struct exchange_answer *answer, int64_t wall_now_sec,
                                              struct grant *ret_grant, uint32_t *ret_retry_after_sec,
                                              const char **ret_why);

/* Whom a Retry-After of an answer with this HTTP status is meant for: true: the key that was exchanged;
 * false (429, 5xx): all who ask there. */
bool token_exchange_wait_is_for_key(long status);

/* The part that may be kept of an answer that nobody has documented: its `code` and its `message`, the
 * latter without anything that could be secret. */
struct answer_excerpt {
        int64_t code;                         /* INT64_MIN: none */
        char message[ANSWER_MESSAGE_MAX + 1]; /* printable ASCII; "" when none */
};

/* Reads `code` and `message` from a JSON body, if it is one; the latter as redact() shows it. */
void token_exchange_excerpt(const char *body, size_t length, const char *const *hidden, size_t n_hidden,
                            struct answer_excerpt *ret);

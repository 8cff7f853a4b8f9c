/* misbehave: the effect of each fault on an answer. */
#include "simulator/misbehave.h"

#include "lib/util.h"
#include "simulator/api_code.h"
#include "simulator/json_text.h"
#include "simulator/moment.h"
#include "simulator/request.h"
#include "simulator/time_limits.h"

#include <errno.h>
#include <stdio.h>

#define GIANT_BYTES      (INT64_C(10) * 1024 * 1024)
#define DRIP_INTERVAL_MS 100
#define SLOW_BYTES       1024

/* No sequence of UTF-8: a lead byte without its tail, bytes that never occur, an overlong slash, a
 * surrogate. */
#define BAD_UTF8 "\xc3(\xff\xfe\xc0\xaf\xed\xa0\x80"

static const char html_page[] = "<!DOCTYPE html>\n<html><head><title>Service Unavailable</title></head>\n"
                                "<body><h1>Service Unavailable</h1>\n<p>The server is temporarily unable to "
                                "service your request.</p>\n</body></html>\n";

static int add_retry_after(const struct fault *fault, struct answer *answer)
{
        const char *text = fault_text(fault, "retry_after", NULL);
        char date[MOMENT_TEXT_SIZE];

        if (fault_flag(fault, "retry_after_date")) {
                int64_t ahead_sec = fault_number(fault, "retry_after", 0);
                int64_t now_sec = (int64_t)(moment_wall_usec() / USEC_PER_SEC);

                /* Dates before 1970 or in a distant millennium help nobody. */
                ahead_sec = MAX_OF(-now_sec, MIN_OF(ahead_sec, LIFETIME_SEC_MAX));
                moment_format_http((uint64_t)(now_sec + ahead_sec) * USEC_PER_SEC, date);
                text = date;
        }
        if (!text) {
                return 0;
        }

        answer->retry_after = strdup(text);
        return answer->retry_after ? 0 : -ENOMEM;
}

/* The other headers. */
static int add_headers(const struct fault *fault, struct answer *answer)
{
        const char *content_type = fault_text(fault, "content_type", NULL);
        struct json_object *given;

        answer->headers = json_object_new_object();
        if (!answer->headers) {
                return -ENOMEM;
        }
        if (content_type && json_add_text(answer->headers, "Content-Type", content_type) < 0) {
                return -ENOMEM;
        }
        if (!json_object_object_get_ex(fault->parameters, "headers", &given)) {
                return 0;
        }
        json_object_object_foreach (given, name, value) {
                if (json_add(answer->headers, name, json_object_get(value)) < 0) {
                        return -ENOMEM;
                }
        }
        return 0;
}

static int stand_in(const struct fault *fault, struct answer **ret)
{
        switch (fault->kind) {
        case FAULT_REFUSE:
                return answer_new_error(
                        ret, (unsigned)fault_number(fault, "status", 401),
                        fault_number(fault, "code", API_CODE_KEY_REFUSED),
                        fault_text(fault, "message", "The application ID or secret is not valid"));
        case FAULT_THROTTLE:
                return answer_new_error(ret, 429, API_CODE_THROTTLED, "Too many requests");
        case FAULT_UNAVAILABLE:
                if (fault_flag(fault, "html")) {
                        return answer_new_text(ret, (unsigned)fault_number(fault, "status", 503),
                                               "text/html; charset=utf-8", html_page);
                }
                return answer_new_error(ret, (unsigned)fault_number(fault, "status", 503),
                                        API_CODE_UNAVAILABLE, "The service is not available");
        case FAULT_STATUS:
                if (fault_text(fault, "body", NULL)) {
                        return answer_new_text(ret, (unsigned)fault_number(fault, "status", 500),
                                               "text/plain", fault_text(fault, "body", NULL));
                }
                return answer_new_error(ret, (unsigned)fault_number(fault, "status", 500),
                                        fault_number(fault, "code", API_CODE_TOLD_TO),
                                        fault_text(fault, "message", "The simulator was told to answer so"));
        case FAULT_REDIRECT:
                return answer_new_text(ret, 302, "text/plain", NULL);
        case FAULT_GIANT:
                return answer_new_text(ret, (unsigned)fault_number(fault, "status", 200), "application/json",
                                       NULL);
        case FAULT_NOT_JSON:
                return answer_new_text(ret, 200, "text/plain", "All is well, but this is no JSON.\n");
        default:
                /* Those whose delivery is the fault. */
                return answer_new_text(ret, 200, "application/json", NULL);
        }
}

int misbehave_instead(const struct fault *fault, struct answer **ret)
{
        _cleanup_(answer_freep) struct answer *answer = NULL;
        int r;

        r = stand_in(fault, &answer);
        if (r < 0) {
                return r;
        }
        r = add_retry_after(fault, answer);
        if (r < 0) {
                return r;
        }
        r = add_headers(fault, answer);
        if (r < 0) {
                return r;
        }

        if (fault->kind == FAULT_REDIRECT) {
                answer->location = strdup(fault_text(fault, "location", ""));
                if (!answer->location) {
                        return -ENOMEM;
                }
        } else if (fault->kind == FAULT_HANG) {
                answer->delivery = DELIVERY_HANG;
        } else if (fault->kind == FAULT_RESET) {
                answer->delivery = DELIVERY_RESET;
        } else if (fault->kind == FAULT_GARBAGE) {
                answer->delivery = DELIVERY_GARBAGE;
        } else if (fault->kind == FAULT_GIANT) {
                answer->delivery = DELIVERY_GIANT;
                answer->filler_bytes = (uint64_t)fault_number(fault, "bytes", GIANT_BYTES);
                answer->chunked = fault_flag(fault, "chunked");
        }

        *ret = take_ptr(answer);
        return 0;
}

static int set_lifetime(const struct fault *fault, struct json_object *grant, int64_t *lifetime_sec)
{
        struct json_object *value = NULL;
        int64_t sane_sec;

        if (!json_object_object_get_ex(fault->parameters, "expires_in", &value)) {
                return -EINVAL;
        }
        if (json_object_object_add(grant, "expires_in", json_object_get(value)) < 0) {
                return -ENOMEM;
        }
        if (json_is_whole(value, 1, LIFETIME_SEC_MAX, &sane_sec)) {
                *lifetime_sec = sane_sec;
        }
        return 0;
}

int misbehave_grant(const struct fault *fault, struct json_object *grant, int64_t *lifetime_sec)
{
        struct json_object *ust = NULL;

        switch (fault->kind) {
        case FAULT_WRONG_TYPES:
                if (json_add(grant, "expires_in", json_object_new_object()) < 0) {
                        return -ENOMEM;
                }
                return json_add_number(grant, "ust", 12345);
        case FAULT_MISSING_FIELD:
                json_object_object_del(grant, fault_text(fault, "field", ""));
                return 0;
        case FAULT_EMPTY_FIELD:
                return json_add_text(grant, fault_text(fault, "field", ""), "");
        case FAULT_LIFETIME:
                return set_lifetime(fault, grant, lifetime_sec);
        case FAULT_BAD_UST:
                if (!json_object_object_get_ex(fault->parameters, "ust", &ust)) {
                        return -EINVAL;
                }
                return json_add(grant, "ust", json_object_get(ust));
        case FAULT_ACCOUNT:
                return json_add_text(grant, "mage_id", fault_text(fault, "mage_id", ""));
        default:
                return 0;
        }
}

void misbehave_body(const struct fault *fault, struct request *request)
{
        request->fault = fault_name(fault->kind);
        if (fault->kind == FAULT_CUT) {
                request->is_cut = true;
                request->cut_bytes = (uint64_t)fault_number(fault, "bytes", INT64_MAX);
                request->cut_politely = fault_flag(fault, "politely");
        } else {
                request->pace_bytes = (uint64_t)fault_number(fault, "bytes", SLOW_BYTES);
                request->pace_usec =
                        (uint64_t)fault_number(fault, "interval_ms", DRIP_INTERVAL_MS) * USEC_PER_MSEC;
        }
}

int misbehave_cut(const struct request *request, struct answer **ret)
{
        struct answer *answer;
        int r;

        r = answer_new_text(&answer, 200, "text/plain", NULL);
        if (r < 0) {
                return r;
        }
        answer->delivery = request->cut_politely ? DELIVERY_CLOSE : DELIVERY_RESET;
        *ret = answer;
        return 0;
}

/* Bytes that are no UTF-8 as a field, or as the last value of a list. */
static int add_bad_text(struct json_object *json)
{
        struct json_object *text = json_object_new_string("bytes: " BAD_UTF8);

        if (json_object_is_type(json, json_type_array)) {
                return json_append(json, text);
        }
        if (json_object_object_get_ex(json, "ust", NULL) &&
            json_add(json, "ust", json_object_new_string("ust-" BAD_UTF8)) < 0) {
                json_object_put(text);
                return -ENOMEM;
        }
        return json_add(json, "message", text);
}

int misbehave_answer(const struct fault *fault, struct answer *answer)
{
        switch (fault->kind) {
        case FAULT_DRIP:
                answer->delivery = DELIVERY_DRIP;
                answer->interval_usec =
                        (uint64_t)fault_number(fault, "interval_ms", DRIP_INTERVAL_MS) * USEC_PER_MSEC;
                answer->drip_bytes = (uint64_t)fault_number(fault, "bytes", 1);
                return 0;
        case FAULT_DELAY:
                answer->delay_usec = (uint64_t)fault_number(fault, "ms", 1) * USEC_PER_MSEC;
                return 0;
        case FAULT_TRUNCATE:
                answer->delivery = DELIVERY_TRUNCATE;
                return 0;
        case FAULT_BAD_UTF8:
                return answer->json ? add_bad_text(answer->json) : 0;
        default:
                return 0;
        }
}

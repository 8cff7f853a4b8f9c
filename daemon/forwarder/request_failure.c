/* Why a transfer failed. */
#include "daemon/forwarder/request_failure.h"

#include "daemon/base/curl_loop.h"
#include "lib/hide_login.h"
#include "lib/util.h"

#include <stdio.h>

enum lane_fail request_failure_of(CURLcode result, bool connected, const char *words)
{
        switch (result) {
        case CURLE_OK: /* without an answer: the final one never came */
        case CURLE_WEIRD_SERVER_REPLY:
        case CURLE_BAD_FUNCTION_ARGUMENT: /* 7.88, of a head that begins with a folded line */
        case CURLE_UNSUPPORTED_PROTOCOL:  /* HTTP/0.9 */
        case CURLE_BAD_CONTENT_ENCODING:  /* of the transfer */
                return connected ? LANE_FAIL_MALFORMED : LANE_FAIL_UNREACHABLE;
        case CURLE_OUT_OF_MEMORY: /* libcurl says so of a line of the head that is too long, too */
                return connected ? LANE_FAIL_MALFORMED : LANE_FAIL_INTERNAL;
        case CURLE_RECV_ERROR: /* it says so of chunks that are none, too */
                if (connected && strstr(words, "chunk")) {
                        return LANE_FAIL_MALFORMED;
                }
                break;
        case CURLE_OPERATION_TIMEDOUT:
                return connected ? LANE_FAIL_SLOW : LANE_FAIL_UNREACHABLE;
        case CURLE_FAILED_INIT:
                return LANE_FAIL_INTERNAL;
        default:
                break;
        }
        return connected ? LANE_FAIL_LOST : LANE_FAIL_UNREACHABLE;
}

void request_failure_explain(const struct request_form *form, CURL *easy, CURLcode result, const char *own,
                             const char *words, char *ret, size_t size)
{
        char text[CURL_ERROR_SIZE];

        if (own) {
                (void)snprintf(text, sizeof(text), "%s", own);
        } else {
                curl_loop_explain(easy, result, words, text, sizeof(text));
                hide_login(text);
                if (request_form_echoes(form, text)) {
                        (void)snprintf(text, sizeof(text), "%s", curl_easy_strerror(result));
                }
        }
        (void)snprintf(ret, size, "%s", text);
}

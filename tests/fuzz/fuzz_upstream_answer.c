/* Heads of answers, line by line as libcurl hands them on: an answer that is passed on is sound for its
 * reader.
 */
#include "daemon/forwarder/upstream_answer.h"
#include "lib/lane.h"
#include "lib/util.h"
#include "tests/fuzz/fuzz.h"

#include <errno.h>

/* The frontend takes it. */
static void use(const struct upstream_answer *answer)
{
        size_t length = sizeof(struct lane_response) + answer->length;
        _cleanup_free_ struct lane_response *response = calloc(1, length);

        must(response);
        lane_packet_init(response, length, LANE_RESPONSE, 1);
        response->status = answer->status;
        response->until_close = upstream_answer_until_close(answer, false);
        response->content_length = answer->content_length;
        response->headers_length = (uint32_t)answer->length;
        if (answer->length > 0) {
                memcpy(response + 1, answer->lines, answer->length);
        }
        must(lane_check_from_forwarder(response, length) == LANE_RESPONSE);
        must(!upstream_answer_until_close(answer, true));
        must(!(answer->has_length && answer->chunked));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct upstream_answer answer = { 0 };
        bool was_whole = false;

        while (size > 0) {
                const uint8_t *end = memchr(data, '\n', size);
                size_t length = end ? (size_t)(end - data) + 1 : size;
                /* Exactly as much memory, so that a sanitizer sees every byte read too far. */
                _cleanup_free_ char *line = malloc(length);
                const char *why = NULL;

                must(line);
                memcpy(line, data, length);
                int r = upstream_answer_take(&answer, line, length, &why);
                if (r < 0) {
                        must(r == -EBADMSG && why && *why);
                        break;
                }
                must((r == 1) == (answer.whole && !was_whole));
                if (r == 1) {
                        use(&answer);
                }
                was_whole = answer.whole;
                data += length;
                size -= length;
        }
        upstream_answer_clear(&answer);
        return 0;
}

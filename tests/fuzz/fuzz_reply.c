/* Any bytes as the head of an answer to the client library: all of it is read, or nothing, wherever it is
 * cut. */
#include "client/reply.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *bytes = malloc(size + 1);
        struct reply reply, again;

        must(bytes);
        memcpy(bytes, data, size);
        ssize_t n = reply_read(bytes, size, &reply);
        must(n == -EPROTO || (n >= 0 && (size_t)n <= size));
        if (n > 0) {
                must(reply.status >= 100 && reply.status <= 999 && reply.retry_after_sec <= 86400);
                must(strlen(reply.etag) <= REPLY_ETAG_MAX && reply.n_etags <= REPLY_HEAD_MAX);
                for (const char *c = reply.etag; *c; c++) {
                        must(*c > 0x20 && *c < 0x7f);
                }
                must(n >= 4 && memcmp(bytes + n - 4, "\r\n\r\n", 4) == 0);
                must(reply_read(bytes, (size_t)n, &again) == n && again.status == reply.status &&
                     again.length == reply.length);
                for (size_t i = 0; i < (size_t)n && i < 256; i++) {
                        must(reply_read(bytes, i, &again) == 0);
                }
        }
        return 0;
}

/* The gateway's own errors. */
#include "daemon/frontend/gateway/gateway_answer.h"

void gateway_answer(struct request *request, unsigned status, const char *slug, const char *message,
                    uint32_t retry_after_sec)
{
        const struct answer answer =
                answer_error_as_upstream(status, slug, message, retry_after_sec, NULL, /* close= */ false);

        request_answer(request, answer.status, answer.response);
}

/* May this request be passed on? Judged by its head alone, before any of its body is read. */
#pragma once

#include "daemon/frontend/gateway/transfer_wait.h"

/* The findings; borrowed from the settings and the request. */
struct gateway_judgement {
        const struct access_environment *rules;
        struct gateway_target target;
        struct gateway_audit_what what;
};

/* False: it was answered, or waits for what is asked of its caller. */
bool gateway_judge(struct gateway *gateway, struct request *request, uint64_t now_usec,
                   struct gateway_judgement *ret);

/* The rules are others since it was judged, and nothing of it was sent: judges it once more. Goes on, waits
 * for what is asked of its caller, or answers. */
enum transfer_step gateway_judge_again(struct transfer *transfer, uint64_t now_usec);

/* May this request be passed on? Judged by its head alone, before any of its body is read. */
#pragma once

#include "daemon/frontend/gateway/transfer.h"

/* What was found; borrowed from the settings and the request. */
struct gateway_judgement {
        const struct access_environment *rules;
        struct gateway_target target;
        struct gateway_audit_what what;
};

/* False: it was answered, or waits for what is asked of its caller. */
bool gateway_judge(struct gateway *gateway, struct request *request, uint64_t now_usec,
                   struct gateway_judgement *ret);

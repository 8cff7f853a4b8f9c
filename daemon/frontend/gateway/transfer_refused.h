/* A transfer that was answered 401: it may be the token's fault. */
#pragma once

#include "daemon/frontend/gateway/transfer_wait.h"

/* Is its answer a 401 after which it may be sent once more? Not if any of its body is gone, and not twice;
 * not if that was no use a while ago. */
bool transfer_refused_may_repeat(const struct transfer *transfer, uint64_t now_usec);

/* Its answer is passed on. If that is a 401 with a new token as well, the token is not to blame, and this
 * caller's 401s count as no report for a while; if it is one that could not be sent again, the token is
 * reported. */
void transfer_refused_note(struct transfer *transfer, uint64_t now_usec);

/* Its answer is held back as a whole, and the lane left: reports the token, and waits for another one, for a
 * moment. Then the request is sent again, or the answer passed on. */
enum transfer_step transfer_refused_look(struct transfer *transfer, uint64_t now_usec);

/* A transfer's request on its way to the lane. All return 0, or -EAGAIN: there is no room now, -EPIPE: the
 * lane is dead. */
#pragma once

#include "daemon/frontend/gateway/transfer.h"

/* Its head, with its token, and with all of its body if that is short. -E2BIG: there is too much of it. */
int transfer_send_head(struct transfer *transfer, uint64_t now_usec);

/* The part of the kept body that is not sent yet; with its end, if that is there. */
int transfer_send_kept(struct transfer *transfer);

/* A piece of the body that is not kept. Returns how many bytes of it were sent. */
int transfer_send_piece(struct transfer *transfer, const char *data, size_t size);

/* The end of a body, if it was not told yet. */
int transfer_send_end(struct transfer *transfer);

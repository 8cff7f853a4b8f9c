/* The stages of a transfer: the event that each waits for, and the next stage. */
#pragma once

#include "daemon/frontend/gateway/transfer.h"

/* The request's head is there, or all of it is, or something that it waited for may have come, or its wait
 * is over: answers, waits, or leaves the request as it is, if its body is to come. */
void transfer_run(struct transfer *transfer, uint64_t now_usec);

/* A piece of its body; see request_flow. */
size_t transfer_take_piece(struct request *request, const char *data, size_t size, uint64_t now_usec);

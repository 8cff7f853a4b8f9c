/* The answer to a transfer, from its lane to libmicrohttpd. */
#pragma once

#include "daemon/frontend/gateway/transfer_wait.h"

/* Takes the head of an answer in: whether it is held back or goes on is not decided yet. False: no memory.
 */
bool transfer_take_response(struct transfer *transfer, const struct lane_response *packet,
                            uint64_t now_usec);

/* Is it to be held back, as it may have to be changed? */
bool transfer_must_hold(const struct transfer *transfer);

/* Answers the request with it: its head, and its body as that comes. TRANSFER_ANSWERED; TRANSFER_WAITS: its
 * head waits for room, in the stage TRANSFER_AHEAD. */
enum transfer_step transfer_answer(struct transfer *transfer, uint64_t now_usec);

/* Forgets what was taken in of it: the request is sent again. */
void transfer_forget_answer(struct transfer *transfer);

/* The stages of a transfer that has a lane: its request goes, its answer comes. */
#pragma once

#include "daemon/frontend/gateway/transfer_wait.h"

/* TRANSFER_SENDS */
enum transfer_step transfer_send(struct transfer *transfer, uint64_t now_usec);

/* TRANSFER_AWAITS */
enum transfer_step transfer_await(struct transfer *transfer, uint64_t now_usec);

/* TRANSFER_HOLDS */
enum transfer_step transfer_hold(struct transfer *transfer, uint64_t now_usec);

/* The lane has died, or what came makes no sense. */
enum transfer_step transfer_lost(struct transfer *transfer);

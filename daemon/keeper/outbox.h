/* Answers on their way to the frontend: they leave in a turn of their own, in order, as if a process had
 * sent them. */
#pragma once

#include "daemon/base/sides.h"

struct outbox;

/* The sides stay the caller's. Negative errno. */
int outbox_new(struct outbox **ret, sd_event *event, const struct sides *sides);
/* What has not left is forgotten. NULL is fine; returns NULL. */
struct outbox *outbox_free(struct outbox *outbox);

/* Without memory for it there is no answer: whoever waits does so until its time is over. */
void outbox_put(struct outbox *outbox, const struct keeper_outcome *outcome);

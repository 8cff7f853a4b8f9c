/* The frontend: owns all that has to do with callers, and takes what the keeper tells. */
#pragma once

#include "daemon/base/sides.h"

/* See frontend_start_fn. */
int frontend_start(struct sides *sides, sd_event *event, struct passed_sockets *passed);

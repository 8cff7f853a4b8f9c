/* What systemd is told: ready, what the state is in words, reloading, stopping. Without systemd all of it
 * does nothing. */
#pragma once

#include "daemon/api.h"

/* READY=1, once. */
void service_ready(void);

/* STATUS= in words, e.g. "sandbox: valid 1h 52min, next refresh in 41min; production: no access key". Sent
 * only when it differs from the last one. */
void service_status(const struct api *api, uint64_t now_usec);

/* A reload begins (RELOADING=1 with the time, as notify-reload units want it) and ends (READY=1). */
void service_reloading(void);
void service_reloaded(void);

void service_stopping(void);

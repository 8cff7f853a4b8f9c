/* time_limits: the longest lifetimes, latencies and scans that may be asked for. */
#pragma once

#include <stdint.h>

/* Lifetimes are capped at ten years, so that sums of times stay far from their limits. */
#define LIFETIME_SEC_MAX (INT64_C(10) * 365 * 24 * 3600)
#define LATENCY_MS_MAX   (INT64_C(10) * 60 * 1000)
#define SCAN_MS_MAX      (INT64_C(24) * 3600 * 1000)

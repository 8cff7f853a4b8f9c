/* The load of a fleet of brokers on an upstream that is down for 24 hours, in virtual time. */
#pragma once

#include <stdint.h>

/* Prints the figures. EXIT_FAILURE if a broker sent more than 60 exchanges in an hour, or was without a
 * token 120 s after the end (15 min, if all was answered 401). */
int outage_figures(uint64_t seed);

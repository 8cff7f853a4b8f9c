/* The gateway's numbers for /metrics. */
#pragma once

#include <stdio.h>

/* userdata is the gateway. */
void gateway_write_metrics(FILE *out, void *userdata);

/* The strings by which a test pulls the stand-in of daemon/keeper/upstream. */
#pragma once

#include "lib/token_exchange.h"

/* What it grants: easy to find in an answer. */
#define FAKE_UPSTREAM_TOKEN "fakeTOKENfakeTOKENfakeTOKENfakeTOKENfakeTOKEN"

extern enum exchange_outcome fake_upstream_outcome; /* of the exchanges that end from now on */
extern unsigned fake_upstream_n_exchanges;          /* so far */

/* The meaning of an exchange for the caller that waits for its end. */
#pragma once

#include "lib/answer_kind.h"
#include "lib/token_exchange.h"

/* As of eqp-brokerd(8); 0 for EXCHANGE_GRANTED. A page of what stands in front of the upstream is no
 * verdict. */
int verdict_exit_code(enum exchange_outcome outcome, enum answer_kind kind);

/* Why it was not granted, and what to do: a static text. */
const char *verdict_words(enum exchange_outcome outcome, enum answer_kind kind);

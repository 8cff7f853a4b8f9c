/* Prompt: asking a person at a terminal. Questions go to stderr, answers come from stdin. */
#pragma once

#include "lib/util.h"

/* Is there a person to ask: is stdin a terminal? */
bool prompt_possible(void);

/* Asks a question and reads a line into buffer, without its end and with a NUL. Without echo the line is not
 * seen. Returns its length, or -ECANCELED (no line: the end of input), -EMSGSIZE (it does not fit), or
 * another negative errno; the buffer may then hold a part. A signal that ends or stops the program finds the
 * terminal as it was before; after a stop the question is asked anew. */
ssize_t prompt_line(const char *question, bool echo, char *buffer, size_t size);

/* Asks a question that y or yes answers with yes, and anything else with no. */
bool prompt_yes(const char *question);

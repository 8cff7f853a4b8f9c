/* UTF-8, as strictly as RFC 3629 has it. */
#pragma once

#include <stddef.h>

/* The length of the sequence at p, of which `left` bytes are there (1 or more), or 0: over-long forms,
 * surrogates, what is beyond Unicode and what is cut off are none. */
size_t utf8_sequence(const unsigned char *p, size_t left);

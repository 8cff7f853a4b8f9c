/* A fuzz target: one function that takes any bytes, and aborts when something that must hold does
 * not. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Not assert(), which a build may leave out. */
#define must(condition)                                                                                     \
        do {                                                                                                \
                if (!(condition)) {                                                                         \
                        (void)fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition); \
                        abort();                                                                            \
                }                                                                                           \
        } while (0)

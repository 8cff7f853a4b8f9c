/* random_bits: repeatable random numbers, of which a seed gives the same row on every machine. */
#pragma once

#include <stdint.h>

/* The upper and the lower half of the product of a and b, folded into one. In halves of 32 bits, as not
 * every processor has wider products. */
static inline uint64_t random_fold(uint64_t a, uint64_t b)
{
        uint64_t a_low = (uint32_t)a, a_high = a >> 32, b_low = (uint32_t)b, b_high = b >> 32;
        uint64_t left = a_high * b_low, right = a_low * b_high;
        uint64_t carry = (a_low * b_low >> 32) + (uint32_t)left + (uint32_t)right;

        return (a_high * b_high + (left >> 32) + (right >> 32) + (carry >> 32)) ^ (a * b);
}

/* The next uniform 64 bits. An odd increment walks through all states; two rounds of multiply and fold mix
 * each one. */
static inline uint64_t random_bits(uint64_t *state)
{
        uint64_t bits = *state += UINT64_C(0x9e3779b97f4a7c15);

        for (int round = 0; round < 2; round++) {
                bits = random_fold(bits, UINT64_C(0xd6e8feb86659fd93));
        }
        return bits;
}

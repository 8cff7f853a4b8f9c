/* Low descriptor numbers for what is no connection, as the frontend's filter of system calls tells listeners
 * from connections by their numbers (see daemon/base/confinement.h): all numbers up to a line are taken
 * before a client comes, by /dev/null where there is nothing else, so that a connection has one above it. */
#pragma once

#include <stdint.h>

#define LOW_DESCRIPTORS_HIGHEST 63

struct low_descriptors {
        uint64_t spare; /* bits of the numbers that stand for nothing */
        int nothing;    /* /dev/null, above the line; -1: not filled yet */
};

/* Takes what is not taken yet. Negative errno. */
int low_descriptors_fill(struct low_descriptors *low);

/* Moves fd to a number below the line; returns it. Negative errno: fd is closed as well. */
int low_descriptors_move(struct low_descriptors *low, int fd);

/* The file with this number has just been closed: it stands for nothing again. Negative numbers are fine. */
void low_descriptors_give_back(struct low_descriptors *low, int number);

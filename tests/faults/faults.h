/* The kinds of calls that can fail, and the variables that hand them to a frontend. */
#pragma once

#include <stdbool.h>

enum kind {
        KIND_MEMORY,
        KIND_SOCKET,
        KIND_FILE,
        KIND_LOOP,
        KIND_JSON,
        KIND_HTTP,
        KIND_CURL,
        _KIND_COUNT,
};

/* In a frontend: the number above that of its channel. */
#define FAULTS_HANDED_FD 4

/* Is this call one that fails? Counts it. */
bool faults_now(enum kind kind, const char *name);

/* The first frontend gets this descriptor for its report; -1: none. Takes it over. */
void faults_hand_report(int fd);

/* Program: eqp-brokerd, run for what it alone can do: read the configuration, and try a key. */
#pragma once

#include "lib/util.h"

#define PROGRAM_WORDS_MAX 1024

struct program_result {
        int exit_code;                 /* as shells have it: 128 and more if a signal ended it */
        char *output;                  /* its stdout, with a NUL behind it; bounded, never NULL */
        char *errors;                  /* its stderr, likewise */
        char words[PROGRAM_WORDS_MAX]; /* the last line of that, fit for a terminal */
};

/* Where it is: beside this program, else where it was built to be; or what EQP_BROKERD names. In a
 * set-user-ID program where it was built to be. */
const char *program_path(void);

/* For what asks nobody: reading the configuration, telling the version. */
#define PROGRAM_LIMIT_USEC (30 * USEC_PER_SEC)

/* Runs it with these arguments (NULL at the end) and waits for its end, for so long at most; then it is
 * killed. input goes to its stdin, at most 4096 bytes; NULL: an empty one. Nothing of the input is kept
 * here. A negative errno if it cannot be run, -ETIME if it was killed. Clear the result with
 * program_result_clear(). */
int program_run(const char *const *arguments, const void *input, size_t length, uint64_t limit_usec,
                struct program_result *ret_result);

/* The same with another program, by its absolute path. */
int program_run_at(const char *path, const char *const *arguments, const void *input, size_t length,
                   uint64_t limit_usec, struct program_result *ret_result);

/* The error of program_run() in words. */
const char *program_error(int error);

/* Frees what is in it; an empty ({ 0 }) one is fine. */
void program_result_clear(struct program_result *result);

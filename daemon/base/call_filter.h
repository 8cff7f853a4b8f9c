/* Filters of system calls: the calls left to the keeper and its children, see daemon/base/confinement.h.
 *
 * A call is listed by its name; one that this architecture, or an older libseccomp, does not know is left
 * out. A call that is not listed is answered with ENOSYS. */
#pragma once

#include <seccomp.h>

/* The filter is the caller's to free, and not in force yet. Negative errno: *ret is NULL. */
int call_filter_keeper(scmp_filter_ctx *ret);
int call_filter_frontend(int pair_fd, int highest_fd, scmp_filter_ctx *ret);
int call_filter_forwarder(scmp_filter_ctx *ret);

/* Puts it in force, for good. Negative errno: it is not. */
int call_filter_load(scmp_filter_ctx filter);

void call_filter_freep(scmp_filter_ctx *filter);

/* ---- for the lists ---- */

/* Allows the calls of a list of names, which ends with NULL. The first error stays in *error. */
void call_filter_allow(scmp_filter_ctx filter, const char *const *names, int *error);

/* Allows a call if all n conditions hold; call it again for other conditions that do. */
void call_filter_allow_if(scmp_filter_ctx filter, const char *name, unsigned n,
                          const struct scmp_arg_cmp *conditions, int *error);

/* Allows a call if its first argument, a descriptor, is above `line`, or not above it; conditions besides.
 */
void call_filter_allow_above(scmp_filter_ctx filter, const char *name, int line, unsigned n,
                             const struct scmp_arg_cmp *conditions, int *error);
void call_filter_allow_up_to(scmp_filter_ctx filter, const char *name, int line, unsigned n,
                             const struct scmp_arg_cmp *conditions, int *error);

/* The needs of both children: memory that is not executable; to look at limits, and to end themselves. */
void call_filter_allow_own(scmp_filter_ctx filter, int *error);

/* Conditions. Of an argument that is an int the kernel looks at 32 bits, and the register may hold anything
 * above them, by the callers' convention or by intent: so is only their comparison sound. */
#define CALL_INT(argument, value)                                                                           \
        SCMP_CMP64(argument, SCMP_CMP_MASKED_EQ, UINT64_C(0xffffffff), (uint64_t)(uint32_t)(value))
#define CALL_BITS(argument, mask, value)                                                                    \
        SCMP_CMP64(argument, SCMP_CMP_MASKED_EQ, (uint64_t)(uint32_t)(mask), (uint64_t)(uint32_t)(value))
#define CALL_NULL(argument) SCMP_CMP64(argument, SCMP_CMP_EQ, 0)

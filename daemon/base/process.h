/* Limits that the process sets itself before the first secret is read. */
#pragma once

/* No core dumps, no ptrace by others of the same user, no SIGPIPE; as many descriptors as the hard limit
 * allows. A refusal of the kernel is logged. */
void process_harden(void);

/* Sees to it that descriptors 0, 1 and 2 are there, if need be without use: else the next socket or file
 * would be one of them, and what is meant for standard output or error go there. Negative errno. */
int process_standard_descriptors(void);

/* How many descriptors the process may have. */
unsigned process_descriptors(void);

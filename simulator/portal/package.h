/* package: one submission, as the text of its fields, so that many small values cost no more than they are
 * long, and where it is in each of the vendor's reviews. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#define SUBMISSION_ID_SIZE 11

enum package_flow { FLOW_OVERALL, FLOW_TECHNICAL, FLOW_MARKETING, FLOWS };

struct package {
        char id[SUBMISSION_ID_SIZE];
        char *item_id; /* the owner's own name for it, or NULL */
        char *sku;
        char *fields; /* a JSON object */
        size_t fields_size;
        const char *status[FLOWS];            /* constants of package_status.c */
        uint64_t created_usec, modified_usec; /* wall clock */
        TAILQ_ENTRY(package) link;            /* packages::list */
};

/* uploads: the memory of uploaded files, and how far their malware scans are. The bytes themselves
 * are counted and dropped. */
#pragma once

#include "simulator/digest.h"
#include "simulator/portal/multipart.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

/* When so many are remembered, the oldest is forgotten. */
#define UPLOADS_MAX    1000
#define UPLOAD_ID_SIZE 32

/* malware_status. Scans that are over are "pass" in the vendor's documentation and "passed" in the field. */
enum scan_status { SCAN_QUEUED, SCAN_IN_PROGRESS, SCAN_PASS, SCAN_PASSED, SCAN_FAIL, SCAN_STATUSES };

struct upload {
        char id[UPLOAD_ID_SIZE];
        char filename[MULTIPART_TEXT_MAX + 1];
        char content_type[MULTIPART_TEXT_MAX + 1];
        uint64_t size;
        char md5[DIGEST_TEXT_SIZE];
        uint64_t scan_begins_usec, scan_ends_usec; /* CLOCK_BOOTTIME */
        enum scan_status scan_result;              /* SCAN_IN_PROGRESS: it hangs */
        bool scan_reported;                        /* to the account's callbacks */
        TAILQ_ENTRY(upload) link;                  /* uploads::list */
};

struct uploads {
        TAILQ_HEAD(, upload) list;
        size_t count;
};

void uploads_init(struct uploads *uploads);

/* Makes an upload with a fresh random ID that is in no list yet; the caller frees it, or adds it. Returns 0,
 * -ENOMEM or -EIO. */
int upload_new(struct upload **ret);
struct upload *upload_free(struct upload *upload);
void upload_freep(struct upload **upload);

/* Hands the upload over to the list. */
void uploads_add(struct uploads *uploads, struct upload *upload);

/* The upload with the ID, or NULL. */
struct upload *uploads_find(const struct uploads *uploads, const char *id);

void uploads_remove(struct uploads *uploads, struct upload *upload);
void uploads_clear(struct uploads *uploads);

/* How far the scan is. */
enum scan_status upload_scan(const struct upload *upload, uint64_t now_usec);

/* Makes it stand there for good, or until it is told otherwise. */
void upload_tell_scan(struct upload *upload, enum scan_status status);

/* The name on the wire, a constant, and the status with the name, or -EINVAL. */
const char *scan_status_name(enum scan_status status);
int scan_status_from_name(const char *name);
bool scan_is_over(enum scan_status status);
bool scan_is_good(enum scan_status status);

/* uploads: a queue with the newest at the end. */
#include "simulator/portal/uploads.h"

#include "lib/util.h"

#include <errno.h>
#include <stdio.h>

static const char *const scan_names[SCAN_STATUSES] = {
        [SCAN_QUEUED] = "queued", [SCAN_IN_PROGRESS] = "in-progress",
        [SCAN_PASS] = "pass",     [SCAN_PASSED] = "passed",
        [SCAN_FAIL] = "fail",
};

void uploads_init(struct uploads *uploads)
{
        TAILQ_INIT(&uploads->list);
        uploads->count = 0;
}

int upload_new(struct upload **ret)
{
        _cleanup_(upload_freep) struct upload *upload = calloc(1, sizeof(*upload));
        char before[14 + 1], behind[8 + 1];
        int r;

        if (!upload) {
                return -ENOMEM;
        }
        r = random_text(RANDOM_HEX, sizeof(before) - 1, before);
        if (r < 0) {
                return r;
        }
        r = random_text("0123456789", sizeof(behind) - 1, behind);
        if (r < 0) {
                return r;
        }
        /* As in the documentation: 5c11e656057b42.97931218.5 */
        (void)snprintf(upload->id, sizeof(upload->id), "%s.%s.%c", before, behind, behind[0]);

        *ret = take_ptr(upload);
        return 0;
}

struct upload *upload_free(struct upload *upload)
{
        free(upload);
        return NULL;
}

void upload_freep(struct upload **upload)
{
        *upload = upload_free(*upload);
}

void uploads_add(struct uploads *uploads, struct upload *upload)
{
        while (uploads->count >= UPLOADS_MAX) {
                uploads_remove(uploads, TAILQ_FIRST(&uploads->list));
        }
        TAILQ_INSERT_TAIL(&uploads->list, upload, link);
        uploads->count++;
}

struct upload *uploads_find(const struct uploads *uploads, const char *id)
{
        struct upload *upload;

        TAILQ_FOREACH(upload, &uploads->list, link)
        if (streq(upload->id, id)) {
                return upload;
        }
        return NULL;
}

void uploads_remove(struct uploads *uploads, struct upload *upload)
{
        TAILQ_REMOVE(&uploads->list, upload, link);
        uploads->count--;
        upload_free(upload);
}

void uploads_clear(struct uploads *uploads)
{
        while (!TAILQ_EMPTY(&uploads->list)) {
                uploads_remove(uploads, TAILQ_FIRST(&uploads->list));
        }
}

enum scan_status upload_scan(const struct upload *upload, uint64_t now_usec)
{
        if (now_usec < upload->scan_begins_usec) {
                return SCAN_QUEUED;
        }
        return now_usec < upload->scan_ends_usec ? SCAN_IN_PROGRESS : upload->scan_result;
}

void upload_tell_scan(struct upload *upload, enum scan_status status)
{
        upload->scan_begins_usec = status == SCAN_QUEUED ? USEC_NEVER : 0;
        upload->scan_ends_usec = upload->scan_begins_usec;
        upload->scan_result = status;
        upload->scan_reported = false;
}

const char *scan_status_name(enum scan_status status)
{
        return scan_names[status];
}

int scan_status_from_name(const char *name)
{
        for (int status = 0; status < SCAN_STATUSES; status++) {
                if (streq(scan_names[status], name)) {
                        return status;
                }
        }
        return -EINVAL;
}

bool scan_is_over(enum scan_status status)
{
        return scan_is_good(status) || status == SCAN_FAIL;
}

bool scan_is_good(enum scan_status status)
{
        return status == SCAN_PASS || status == SCAN_PASSED;
}

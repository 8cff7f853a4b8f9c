/* uploads: a queue with the newest at the end. */
#include <errno.h>
#include <stdio.h>

#include "lib/util.h"
#include "simulator/uploads.h"

void uploads_init(struct uploads *uploads)
{
        TAILQ_INIT(&uploads->list);
        uploads->count = 0;
}

int uploads_add(struct uploads *uploads, uint64_t size, const char *sha256, const struct upload **ret)
{
        _cleanup_free_ struct upload *upload = calloc(1, sizeof(*upload));
        int r;

        if (!upload) {
                return -ENOMEM;
        }
        r = random_text(RANDOM_HEX, UPLOAD_ID_SIZE - 1, upload->id);
        if (r < 0) {
                return r;
        }
        upload->size = size;
        (void)snprintf(upload->sha256, sizeof(upload->sha256), "%s", sha256);

        while (uploads->count >= UPLOADS_MAX) {
                uploads_remove(uploads, TAILQ_FIRST(&uploads->list));
        }
        TAILQ_INSERT_TAIL(&uploads->list, upload, link);
        uploads->count++;
        *ret = take_ptr(upload);
        return 0;
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
        free(upload);
}

void uploads_clear(struct uploads *uploads)
{
        while (!TAILQ_EMPTY(&uploads->list)) {
                uploads_remove(uploads, TAILQ_FIRST(&uploads->list));
        }
}

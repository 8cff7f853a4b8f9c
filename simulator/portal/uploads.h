/* uploads: what is remembered of uploaded files. The bytes themselves are counted and dropped. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "simulator/digest.h"

/* When so many are remembered, the oldest is forgotten. */
#define UPLOADS_MAX    1000
#define UPLOAD_ID_SIZE 25

struct upload {
        char id[UPLOAD_ID_SIZE];
        uint64_t size; /* bytes of the request body as it was, multipart framing included */
        char sha256[DIGEST_TEXT_SIZE];
        TAILQ_ENTRY(upload) link; /* uploads::list */
};

struct uploads {
        TAILQ_HEAD(, upload) list;
        size_t count;
};

void uploads_init(struct uploads *uploads);

/* Remembers a body under a fresh random ID. The upload belongs to the list. Returns 0, -ENOMEM or -EIO. */
int uploads_add(struct uploads *uploads, uint64_t size, const char *sha256, const struct upload **ret);

/* The upload with the ID, or NULL. */
struct upload *uploads_find(const struct uploads *uploads, const char *id);

void uploads_remove(struct uploads *uploads, struct upload *upload);
void uploads_clear(struct uploads *uploads);

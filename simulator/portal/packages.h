/* packages: the submissions that are remembered. */
#pragma once

#include "simulator/portal/package.h"

#include <json-c/json.h>
#include <stddef.h>
#include <sys/queue.h>

/* When there are more, or more text than that, the oldest is forgotten. */
#define PACKAGES_MAX       1000
#define PACKAGES_BYTES_MAX (8 * 1024 * 1024)
/* The fields of one may be so long, as text. */
#define PACKAGE_BYTES_MAX (64 * 1024)

struct packages {
        TAILQ_HEAD(packages_list, package) list;
        size_t count;
        size_t bytes;
};

void packages_init(struct packages *packages);

/* Makes a draft with a fresh random ID that is in no list; the caller frees it, or adds it. Returns 0,
 * -ENOMEM or -EIO. */
int package_new(struct package **ret);
struct package *package_free(struct package *package);
void package_freep(struct package **package);

/* Hands the package over to the list. */
void packages_add(struct packages *packages, struct package *package);

/* Gives a package of the list (or one of none: `packages` is NULL) other fields, from which its item ID and
 * its SKU are taken. Returns 0, -E2BIG if they are too long, or -ENOMEM; after an error it is as it was. */
int package_set_fields(struct packages *packages, struct package *package, struct json_object *fields);

/* Its fields as a value, which the caller puts. Returns 0 or -ENOMEM. */
int package_get_fields(const struct package *package, struct json_object **ret);

/* The package with the submission ID or the owner's ID, or the newest of the SKU; or NULL. */
struct package *packages_find(const struct packages *packages, const char *id);
struct package *packages_find_item(const struct packages *packages, const char *item_id);
struct package *packages_find_sku(const struct packages *packages, const char *sku);

void packages_clear(struct packages *packages);

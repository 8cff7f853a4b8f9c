/* packages: a queue with the newest at the end. */
#include "simulator/portal/packages.h"

#include "lib/util.h"
#include "simulator/digest.h"
#include "simulator/json_text.h"
#include "simulator/portal/package_status.h"

#include <errno.h>

void packages_init(struct packages *packages)
{
        TAILQ_INIT(&packages->list);
        packages->count = 0;
        packages->bytes = 0;
}

struct package *package_free(struct package *package)
{
        if (!package) {
                return NULL;
        }

        free(package->item_id);
        free(package->sku);
        free(package->fields);
        free(package);
        return NULL;
}

void package_freep(struct package **package)
{
        *package = package_free(*package);
}

int package_new(struct package **ret)
{
        _cleanup_(package_freep) struct package *package = calloc(1, sizeof(*package));
        int r;

        if (!package) {
                return -ENOMEM;
        }
        r = random_text(RANDOM_HEX, SUBMISSION_ID_SIZE - 1, package->id);
        if (r < 0) {
                return r;
        }
        package->fields = strdup("{}");
        if (!package->fields) {
                return -ENOMEM;
        }
        package->fields_size = strlen(package->fields);
        package_status_begin(package);

        *ret = take_ptr(package);
        return 0;
}

static void packages_remove(struct packages *packages, struct package *package)
{
        TAILQ_REMOVE(&packages->list, package, link);
        packages->count--;
        packages->bytes -= package->fields_size;
        package_free(package);
}

void packages_add(struct packages *packages, struct package *package)
{
        while (packages->count >= PACKAGES_MAX ||
               (packages->count > 0 && packages->bytes + package->fields_size > PACKAGES_BYTES_MAX)) {
                packages_remove(packages, TAILQ_FIRST(&packages->list));
        }
        TAILQ_INSERT_TAIL(&packages->list, package, link);
        packages->count++;
        packages->bytes += package->fields_size;
}

static int copy_field(struct json_object *fields, const char *name, char **ret)
{
        const char *text;

        *ret = NULL;
        if (json_get_text(fields, name, 1, PACKAGE_BYTES_MAX, &text)) {
                *ret = strdup(text);
                return *ret ? 0 : -ENOMEM;
        }
        return 0;
}

int package_set_fields(struct packages *packages, struct package *package, struct json_object *fields)
{
        _cleanup_free_ char *item_id = NULL, *sku = NULL, *text = NULL;
        const char *written;
        size_t size;

        written = json_object_to_json_string_length(
                fields, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &size);
        if (!written) {
                return -ENOMEM;
        }
        if (size > PACKAGE_BYTES_MAX ||
            (packages && packages->bytes - package->fields_size + size > PACKAGES_BYTES_MAX)) {
                return -E2BIG;
        }
        text = strdup(written);
        if (!text || copy_field(fields, "item_id", &item_id) < 0 || copy_field(fields, "sku", &sku) < 0) {
                return -ENOMEM;
        }

        if (packages) {
                packages->bytes = packages->bytes - package->fields_size + size;
        }
        free(package->fields);
        free(package->item_id);
        free(package->sku);
        package->fields = take_ptr(text);
        package->fields_size = size;
        package->item_id = take_ptr(item_id);
        package->sku = take_ptr(sku);
        return 0;
}

int package_get_fields(const struct package *package, struct json_object **ret)
{
        int r;

        r = json_read(package->fields, package->fields_size, ret);
        /* It was written here: it can be read. */
        return r < 0 ? -ENOMEM : 0;
}

struct package *packages_find(const struct packages *packages, const char *id)
{
        struct package *package;

        TAILQ_FOREACH(package, &packages->list, link)
        if (streq(package->id, id)) {
                return package;
        }
        return NULL;
}

struct package *packages_find_item(const struct packages *packages, const char *item_id)
{
        struct package *package;

        TAILQ_FOREACH(package, &packages->list, link)
        if (package->item_id && streq(package->item_id, item_id)) {
                return package;
        }
        return NULL;
}

struct package *packages_find_sku(const struct packages *packages, const char *sku)
{
        struct package *package;

        TAILQ_FOREACH_REVERSE(package, &packages->list, packages_list, link)
        if (package->sku && streq(package->sku, sku)) {
                return package;
        }
        return NULL;
}

void packages_clear(struct packages *packages)
{
        while (!TAILQ_EMPTY(&packages->list)) {
                packages_remove(packages, TAILQ_FIRST(&packages->list));
        }
}

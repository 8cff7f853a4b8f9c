/* package_fields: the fields as rows: of which kind each is, and which review cannot do without it. */
#include "simulator/portal/package_fields.h"

#include "lib/util.h"
#include "simulator/json_text.h"

#include <errno.h>
#include <stdio.h>

#define SKU_MAX 200

enum { NOBODY = 0, TECHNICAL = 1, MARKETING = 2, BOTH = 3 };

static const struct field {
        const char *name;
        enum json_type type; /* json_type_null: any */
        unsigned needed_by;
} table[] = {
        { "item_id", json_type_string, NOBODY },
        { "type", json_type_string, TECHNICAL },
        { "platform", json_type_string, TECHNICAL },
        { "version_compatibility", json_type_array, TECHNICAL },
        { "release_notes", json_type_string, TECHNICAL },
        { "version", json_type_string, TECHNICAL },
        { "artifact", json_type_object, TECHNICAL },
        { "documentation_artifacts", json_type_object, BOTH },
        { "name", json_type_string, MARKETING },
        { "long_description", json_type_string, MARKETING },
        { "categories", json_type_array, MARKETING },
        { "media_artifacts", json_type_object, MARKETING },
        { "license_type", json_type_string, MARKETING },
        { "sku", json_type_string, NOBODY },
        { "custom_license_name", json_type_string, NOBODY },
        { "custom_license_url", json_type_string, NOBODY },
        { "browser_os_compatibility", json_type_object, NOBODY },
        { "browsers", json_type_array, NOBODY },
        { "external_services", json_type_object, NOBODY },
        { "is_patch", json_type_null, NOBODY },
        { "launch_on_approval", json_type_boolean, NOBODY },
        { "marketing_options", json_type_object, NOBODY },
        { "prices", json_type_array, NOBODY },
        { "pricing_model", json_type_object, NOBODY },
        { "priority", json_type_string, NOBODY },
        { "process_as_patch", json_type_string, NOBODY },
        { "requested_launch_date", json_type_string, NOBODY },
        { "shared_packages", json_type_array, NOBODY },
        { "stability", json_type_string, NOBODY },
        { "support_tiers", json_type_array, NOBODY },
        { "technical_options", json_type_object, NOBODY },
};

int package_fields_merge(struct json_object *fields, struct json_object *item, const char **reterr_field)
{
        bool changed = false;

        for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
                struct json_object *value;

                if (!json_object_object_get_ex(item, table[i].name, &value)) {
                        continue;
                }
                if (table[i].type != json_type_null && !json_object_is_type(value, table[i].type)) {
                        *reterr_field = table[i].name;
                        return -EINVAL;
                }
                if (json_object_object_add(fields, table[i].name, json_object_get(value)) < 0) {
                        return -ENOMEM;
                }
                /* Those that say which package is meant change nothing. */
                changed |= !streq(table[i].name, "item_id") && !streq(table[i].name, "sku");
        }
        return changed ? 0 : 1;
}

static bool is_empty(struct json_object *value)
{
        return (json_object_is_type(value, json_type_string) && json_object_get_string_len(value) == 0) ||
               (json_object_is_type(value, json_type_array) && json_object_array_length(value) == 0) ||
               (json_object_is_type(value, json_type_object) && json_object_object_length(value) == 0);
}

const char *package_fields_missing(struct json_object *fields, enum package_flow flow)
{
        unsigned reviewer = flow == FLOW_TECHNICAL ? TECHNICAL : MARKETING;

        for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
                struct json_object *value;

                if ((table[i].needed_by & reviewer) &&
                    (!json_object_object_get_ex(fields, table[i].name, &value) || is_empty(value))) {
                        return table[i].name;
                }
        }
        return NULL;
}

bool package_sku_is_valid(const char *sku)
{
        const char *slash = strchr(sku, '/');

        return slash && slash != sku && slash[1] != '\0' && !strchr(slash + 1, '/') &&
               strlen(sku) <= SKU_MAX &&
               strspn(sku, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_./") ==
                       strlen(sku);
}

/* The first one keeps a package back most. */
static int worse(int a, int b)
{
        static const int order[] = { -ENOENT,          SCAN_FAIL, SCAN_QUEUED,
                                     SCAN_IN_PROGRESS, SCAN_PASS, SCAN_PASSED };

        for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
                if (order[i] == a || order[i] == b) {
                        return order[i];
                }
        }
        return a;
}

static int scan_of(struct json_object *object, const struct uploads *uploads, uint64_t now_usec)
{
        const struct upload *upload = NULL;
        const char *id;

        if (!json_object_object_get_ex(object, "file_upload_id", NULL)) {
                return SCAN_PASSED;
        }
        if (json_get_text(object, "file_upload_id", 1, UPLOAD_ID_SIZE, &id)) {
                upload = uploads_find(uploads, id);
        }
        return upload ? (int)upload_scan(upload, now_usec) : -ENOENT;
}

/* As deep as JSON is read, which is bounded. */
int package_fields_scan(struct json_object *fields, const struct uploads *uploads, uint64_t now_usec)
{
        int status = SCAN_PASSED;

        if (json_object_is_type(fields, json_type_object)) {
                status = scan_of(fields, uploads, now_usec);
                json_object_object_foreach (fields, name, value) {
                        (void)name;
                        status = worse(status, package_fields_scan(value, uploads, now_usec));
                }
        } else if (json_object_is_type(fields, json_type_array)) {
                for (size_t i = 0; i < json_object_array_length(fields); i++) {
                        status = worse(status, package_fields_scan(json_object_array_get_idx(fields, i),
                                                                   uploads, now_usec));
                }
        }
        return status;
}

int package_fields_add_sku(struct json_object *fields, const char *vendor)
{
        char sku[SKU_MAX + 1];
        const char *name;
        size_t used;

        if (json_object_object_get_ex(fields, "sku", NULL)) {
                return 0;
        }
        if (!json_get_text(fields, "name", 1, SKU_MAX, &name)) {
                name = "package";
        }
        used = (size_t)snprintf(sku, sizeof(sku), "%.64s/", vendor);
        for (; *name && used < sizeof(sku) - 1; name++) {
                char lower = (char)(*name >= 'A' && *name <= 'Z' ? *name - 'A' + 'a' : *name);

                sku[used++] = (char)((lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9') ? lower
                                                                                                      : '-');
        }
        sku[used] = '\0';
        return json_add_text(fields, "sku", sku);
}

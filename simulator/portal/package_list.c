/* package_list: lists of packages. Of each only the values are kept by which it is sorted, and those cut
 * short, so that lists of long packages cost little. */
#include "simulator/portal/package_list.h"

#include "lib/util.h"
#include "simulator/json_text.h"
#include "simulator/portal/package_view.h"
#include "simulator/portal/portal_handlers.h"

#include <errno.h>
#include <stdio.h>

#define SORT_MAX       4
#define SORT_VALUE_MAX 200

/* The fields by which the documentation lets lists be filtered and sorted. */
static const struct filter {
        const char *name;
        bool whole; /* not a part of the text */
} filters[] = {
        { "type", true },
        { "platform", true },
        { "item_id", false },
        { "submission_id", false },
        { "sku", false },
        { "version", false },
        { "name", false },
        { "long_description", false },
        { "release_notes", false },
        { "is_patch", true },
        { "license_type", true },
        { "custom_license_name", false },
        { "custom_license_url", false },
        { "requested_launch_date", false },
        { "created_at", false },
        { "modified_at", false },
};

struct sorting {
        size_t count;
        struct {
                const struct filter *field;
                bool down;
        } by[SORT_MAX];
};

struct row {
        const struct package *package;
        char *values[SORT_MAX];
};

struct rows {
        struct row *list;
        size_t count;
        struct sorting sorting;
};

static void rows_done(struct rows *rows)
{
        for (size_t i = 0; i < rows->count; i++) {
                for (size_t k = 0; k < SORT_MAX; k++) {
                        free(rows->list[i].values[k]);
                }
        }
        free(rows->list);
}

static const struct filter *find_filter(const char *name, size_t length)
{
        for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
                if (strlen(filters[i].name) == length && strncmp(filters[i].name, name, length) == 0) {
                        return &filters[i];
                }
        }
        return NULL;
}

/* "+platform,-created_at"; a plus may have become a space, as it does in queries. */
static bool read_sorting(const char *text, struct sorting *ret)
{
        while (text && *text) {
                size_t length;
                bool down = *text == '-';

                text += strspn(text, "+- ") > 0 ? 1 : 0;
                length = strcspn(text, ",");
                if (ret->count == SORT_MAX) {
                        return false;
                }
                ret->by[ret->count].field = find_filter(text, length);
                ret->by[ret->count].down = down;
                if (!ret->by[ret->count++].field) {
                        return false;
                }
                text += length + (text[length] == ',');
        }
        return true;
}

/* The field as text, "" if it is not there; belongs to the view. */
static const char *value_of(struct json_object *view, const char *name)
{
        struct json_object *value;

        return json_object_object_get_ex(view, name, &value) && value ? json_object_get_string(value) : "";
}

static bool passes(const struct portal_call *call, struct json_object *view)
{
        for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
                const char *wanted = portal_parameter(call, filters[i].name);
                const char *value = wanted ? value_of(view, filters[i].name) : NULL;

                if (wanted && !(filters[i].whole ? streq(value, wanted) : strstr(value, wanted) != NULL)) {
                        return false;
                }
        }
        return true;
}

static bool is_in_set(const struct portal_call *call, enum package_set set, const struct package *package)
{
        switch (set) {
        case PACKAGES_WITH_ITEM:
                return package->item_id;
        case PACKAGES_WITH_SKU:
                return package->sku;
        case PACKAGES_OF_SKU:
                return package->sku && streq(package->sku, call->arguments[0]);
        case PACKAGES_ALL:
                break;
        }
        return true;
}

static int add_row(const struct portal_call *call, const struct package *package, struct rows *rows)
{
        _cleanup_(json_putp) struct json_object *view = NULL;
        struct row row = { .package = package };

        /* Without any, nothing has to be looked at. */
        if (rows->sorting.count > 0 || call->request->query[0]) {
                view = package_view(call->environment, package, /* summary= */ false);
                if (!view) {
                        return -ENOMEM;
                }
                if (!passes(call, view)) {
                        return 0;
                }
        }
        rows->list[rows->count] = row;
        rows->count++;
        for (size_t i = 0; i < rows->sorting.count; i++) {
                char *value = strndup(value_of(view, rows->sorting.by[i].field->name), SORT_VALUE_MAX);

                if (!value) {
                        return -ENOMEM;
                }
                rows->list[rows->count - 1].values[i] = value;
        }
        return 0;
}

static int compare(const void *a, const void *b, void *userdata)
{
        const struct row *left = a, *right = b;
        const struct sorting *sorting = userdata;

        for (size_t i = 0; i < sorting->count; i++) {
                int order = strverscmp(left->values[i], right->values[i]);

                if (order != 0) {
                        return sorting->by[i].down ? -order : order;
                }
        }
        return 0;
}

int package_list_answer(struct portal_call *call, enum package_set set, struct answer **ret)
{
        _cleanup_(json_putp) struct json_object *values = json_object_new_array();
        _cleanup_(rows_done) struct rows rows = { 0 };
        const struct packages *packages = &call->environment->packages;
        const char *style = portal_parameter(call, "style");
        const struct package *package;
        struct portal_page page = { 0 };
        int r;

        if (!read_sorting(portal_parameter(call, "sort"), &rows.sorting)) {
                return portal_bad_request(
                        ret, "sort must be names of at most 4 fields, each with + or - before it");
        }
        rows.list = calloc(packages->count + 1, sizeof(*rows.list));
        if (!rows.list || !values) {
                return -ENOMEM;
        }
        TAILQ_FOREACH(package, &packages->list, link)
        {
                r = is_in_set(call, set, package) ? add_row(call, package, &rows) : 0;
                if (r < 0) {
                        return r;
                }
        }
        if (set == PACKAGES_OF_SKU && rows.count == 0) {
                return portal_not_found(ret, "There is no package of this SKU");
        }
        if (rows.sorting.count > 0) {
                qsort_r(rows.list, rows.count, sizeof(*rows.list), compare, &rows.sorting);
        }

        r = portal_page(call, rows.count, &page, ret);
        if (r <= 0) {
                return r;
        }
        for (size_t i = page.first; i < page.end; i++) {
                if (json_append(values, package_view_text(call->environment, rows.list[i].package,
                                                          style && streq(style, "summary"))) < 0) {
                        return -ENOMEM;
                }
        }
        return portal_answer_page(&page, take_ptr(values), ret);
}

int portal_packages_with_item(struct portal_call *call, struct answer **ret)
{
        return package_list_answer(call, PACKAGES_WITH_ITEM, ret);
}

int portal_packages_with_sku(struct portal_call *call, struct answer **ret)
{
        return package_list_answer(call, PACKAGES_WITH_SKU, ret);
}

int portal_packages_of_sku(struct portal_call *call, struct answer **ret)
{
        return package_list_answer(call, PACKAGES_OF_SKU, ret);
}

int portal_package_of_item(struct portal_call *call, struct answer **ret)
{
        const struct package *package = packages_find_item(&call->environment->packages, call->arguments[0]);

        return package ? answer_new_json(ret, 200,
                                         package_view(call->environment, package, /* summary= */ false))
                       : portal_not_found(ret, "There is no package of this item_id");
}

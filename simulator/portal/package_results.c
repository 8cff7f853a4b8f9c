/* package_results: the reports of the vendor's tools on a package. */
#include "lib/util.h"
#include "simulator/json_text.h"
#include "simulator/moment.h"
#include "simulator/portal/package_status.h"
#include "simulator/portal/portal_handlers.h"

#include <errno.h>

#define DATE "2026-01-07 18:52:25" /* no tool has really run */

static int answer_results(const struct package *package, struct answer **ret)
{
        _cleanup_(json_putp) struct json_object *list = NULL;
        struct package_result results[PACKAGE_RESULTS_MAX];
        size_t count;

        if (!package) {
                return portal_not_found(ret, "There is no such package");
        }
        list = json_object_new_array();
        count = package_results(package, results);
        for (size_t i = 0; i < count; i++) {
                struct json_object *item = json_object_new_object();

                if (json_append(list, item) < 0 || json_add_text(item, "tool_run_id", results[i].run) < 0 ||
                    json_add_text(item, "name", results[i].tool) < 0 ||
                    json_add_text(item, "status", results[i].status) < 0 ||
                    json_add_text(item, "date", DATE) < 0) {
                        return -ENOMEM;
                }
        }
        return answer_new_json(ret, 200, take_ptr(list));
}

int portal_results(struct portal_call *call, struct answer **ret)
{
        return answer_results(packages_find(&call->environment->packages, call->arguments[0]), ret);
}

int portal_results_of_item(struct portal_call *call, struct answer **ret)
{
        return answer_results(packages_find_item(&call->environment->packages, call->arguments[0]), ret);
}

int portal_results_of_sku(struct portal_call *call, struct answer **ret)
{
        return answer_results(packages_find_sku(&call->environment->packages, call->arguments[0]), ret);
}

/* One entry of "reports". */
static struct json_object *describe(const struct package *package, const struct package_result *result,
                                    const char *status)
{
        _cleanup_(json_putp) struct json_object *report = json_object_new_object(), *fields = NULL;
        const char *sku = package->sku ? package->sku : "", *version = "";
        size_t vendor = strcspn(sku, "/");

        if (package_get_fields(package, &fields) < 0) {
                return NULL;
        }
        (void)json_get_text(fields, "version", 0, PACKAGE_BYTES_MAX, &version);
        if (json_add_text(report, "tool", result->tool) < 0 ||
            json_add(report, "vendor", json_from_bytes(sku, vendor)) < 0 ||
            json_add_text(report, "extension", sku + vendor + (sku[vendor] == '/')) < 0 ||
            json_add_text(report, "version", version) < 0 || json_add_text(report, "status", status) < 0 ||
            json_add_text(report, "date", DATE) < 0 ||
            json_add(report, "details", json_object_new_object()) < 0) {
                return NULL;
        }
        return take_ptr(report);
}

/* People's reviews have one report, tools a list of them. */
static int answer_result(const struct package *package, const struct package_result *result,
                         struct answer **ret)
{
        _cleanup_(json_putp) struct json_object *object = json_object_new_object(), *reports = NULL;
        const char *status = streq(result->status, "pass") ? "PASS" : "FAIL";
        bool people = streq(result->tool, "marketing") || streq(result->tool, "manual_qa");
        struct json_object *report = describe(package, result, status);

        if (people) {
                reports = report;
        } else {
                reports = json_object_new_array();
                if (json_append(reports, report) < 0) {
                        return -ENOMEM;
                }
        }
        if (json_add_text(object, "tool", result->tool) < 0 || json_add_text(object, "status", status) < 0 ||
            json_add(object, "reports", take_ptr(reports)) < 0) {
                return -ENOMEM;
        }
        return answer_new_json(ret, 200, take_ptr(object));
}

int portal_result(struct portal_call *call, struct answer **ret)
{
        const struct package *package = packages_find(&call->environment->packages, call->arguments[0]);
        struct package_result results[PACKAGE_RESULTS_MAX];
        size_t count = package ? package_results(package, results) : 0;

        for (size_t i = 0; i < count; i++) {
                /* Of the copy-paste detector the documentation has the summary only. */
                if (streq(results[i].tool, call->arguments[1]) &&
                    streq(results[i].run, call->arguments[2]) && !streq(results[i].tool, "phpcpd")) {
                        return answer_result(package, &results[i], ret);
                }
        }
        return portal_not_found(ret, "There is no such report");
}

/* package_status: where a package is in the vendor's reviews. It only goes on when it is told to, by its
 * owner or on the admin listener: how long the vendor's people take is nothing that a stand-in could know.
 */
#include "simulator/portal/package_status.h"

#include "lib/util.h"
#include "simulator/json_text.h"

#include <errno.h>

static const char *const flow_names[FLOWS] = {
        [FLOW_OVERALL] = "overall",
        [FLOW_TECHNICAL] = "technical",
        [FLOW_MARKETING] = "marketing",
};

#define STATUSES_MAX 8

static const char *const statuses[FLOWS][STATUSES_MAX] = {
        [FLOW_OVERALL] = { "draft", "in_progress", "approved", "released_to_store",
                           "developer_removed_from_store", "admin_removed_from_store",
                           "canceled_by_developer", "canceled_by_admin" },
        [FLOW_TECHNICAL] = { "draft", "in_automation", "awaiting_manual_qa", "in_manual_qa", "approved",
                             "rejected", "recalled" },
        [FLOW_MARKETING] = { "draft", "awaiting_marketing_review", "in_marketing_review", "approved",
                             "approved_with_modifications_pending", "rejected", "recalled" },
};

const char *package_flow_name(enum package_flow flow)
{
        return flow_names[flow];
}

int package_flow_from_name(const char *name)
{
        for (int flow = 0; flow < FLOWS; flow++) {
                if (streq(flow_names[flow], name)) {
                        return flow;
                }
        }
        return -EINVAL;
}

int package_status_tell(struct package *package, enum package_flow flow, const char *status)
{
        for (size_t i = 0; i < STATUSES_MAX && statuses[flow][i]; i++) {
                if (streq(statuses[flow][i], status)) {
                        package->status[flow] = statuses[flow][i];
                        return 0;
                }
        }
        return -EINVAL;
}

void package_status_begin(struct package *package)
{
        for (int flow = 0; flow < FLOWS; flow++) {
                package->status[flow] = statuses[flow][0];
        }
}

static bool is_one_of(const char *status, const char *const *list)
{
        while (*list && !streq(*list, status)) {
                list++;
        }
        return *list;
}

bool package_flow_is_open(const struct package *package, enum package_flow flow)
{
        static const char *const open[] = { "draft", "rejected", "recalled", NULL };
        static const char *const again[] = { "released_to_store", "developer_removed_from_store", NULL };

        /* Of what is in the store, or was, the marketing content may be sent in again. */
        return is_one_of(package->status[flow], open) ||
               (flow == FLOW_MARKETING && is_one_of(package->status[FLOW_OVERALL], again));
}

void package_flow_submit(struct package *package, enum package_flow flow)
{
        package->status[flow] = statuses[flow][1];
        if (!streq(package->status[FLOW_OVERALL], "released_to_store")) {
                package->status[FLOW_OVERALL] = "in_progress";
        }
}

void package_flow_recall(struct package *package, enum package_flow flow)
{
        package->status[flow] = "recalled";
        if (package_flow_is_open(package, FLOW_TECHNICAL) && package_flow_is_open(package, FLOW_MARKETING)) {
                package->status[FLOW_OVERALL] = "draft";
        }
}

struct json_object *package_status_json(const struct package *package)
{
        _cleanup_(json_putp) struct json_object *object = json_object_new_object();

        for (int flow = 0; flow < FLOWS; flow++) {
                if (json_add_text(object, flow_names[flow], package->status[flow]) < 0) {
                        return NULL;
                }
        }
        return take_ptr(object);
}

size_t package_results(const struct package *package,
                       struct package_result ret_results[static PACKAGE_RESULTS_MAX])
{
        static const char *const automated[] = { "phpcpd", "phpcs", "varnish" };
        static const char *const not_yet[] = { "draft", "in_automation", "recalled", NULL };
        const char *technical = package->status[FLOW_TECHNICAL],
                   *marketing = package->status[FLOW_MARKETING];
        size_t count = 0;

        if (!is_one_of(technical, not_yet)) {
                for (size_t i = 0; i < ARRAY_SIZE(automated); i++) {
                        ret_results[count++] = (struct package_result){ automated[i], "5", "pass" };
                }
        }
        if (streq(technical, "approved") || streq(technical, "rejected")) {
                ret_results[count++] =
                        (struct package_result){ "manual_qa", "6",
                                                 streq(technical, "approved") ? "pass" : "fail" };
        }
        if (strncmp(marketing, "approved", strlen("approved")) == 0 || streq(marketing, "rejected")) {
                ret_results[count++] =
                        (struct package_result){ "marketing", "7",
                                                 streq(marketing, "rejected") ? "fail" : "pass" };
        }
        return count;
}

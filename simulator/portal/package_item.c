/* package_item: one item of a submission.
 *
 * Order matters: first everything is judged on a copy of the fields, then they are kept, then actions act.
 * So a refused item changes nothing, but one that has to wait for a malware scan is kept as a draft, to be
 * submitted once more. */
#include "simulator/portal/package_item.h"

#include "lib/util.h"
#include "simulator/api_code.h"
#include "simulator/json_text.h"
#include "simulator/moment.h"
#include "simulator/portal/callbacks.h"
#include "simulator/portal/package_fields.h"
#include "simulator/portal/package_status.h"

#include <errno.h>

enum action { ACTION_DRAFT, ACTION_SUBMIT, ACTION_RECALL, ACTION_REMOVE, ACTION_CANCEL, ACTIONS };

static const char *const action_names[ACTIONS] = {
        [ACTION_DRAFT] = "draft",   [ACTION_SUBMIT] = "submit", [ACTION_RECALL] = "recall",
        [ACTION_REMOVE] = "remove", [ACTION_CANCEL] = "cancel",
};

struct job {
        struct environment *environment;
        struct package *package;
        struct json_object *fields;
        bool changed;
        int scan; /* of all its files, or -ENOENT */
        enum action actions[FLOWS];
        struct package_outcome *outcome;
};

/* Says what comes of it; always 0, so that it can be returned: the simulator itself has not failed. */
static int end(struct job *job, int64_t code, const char *message, const char *field)
{
        job->outcome->code = code;
        job->outcome->message = message;
        job->outcome->field = field;
        return 0;
}

static bool wants(const struct job *job, enum action action)
{
        return job->actions[FLOW_TECHNICAL] == action || job->actions[FLOW_MARKETING] == action;
}

static bool read_action(enum package_flow flow, const char *name, enum action *ret)
{
        for (int action = 0; action < ACTIONS; action++) {
                bool overall = action == ACTION_REMOVE || action == ACTION_CANCEL;

                if (streq(action_names[action], name) && overall == (flow == FLOW_OVERALL)) {
                        *ret = (enum action)action;
                        return true;
                }
        }
        return false;
}

static bool read_actions(struct json_object *item, struct job *job)
{
        struct json_object *given;

        if (!json_object_object_get_ex(item, "action", &given)) {
                return true;
        }
        if (!json_object_is_type(given, json_type_object)) {
                return false;
        }
        json_object_object_foreach (given, name, value) {
                int flow = package_flow_from_name(name);

                if (flow < 0 || !json_object_is_type(value, json_type_string) ||
                    !read_action((enum package_flow)flow, json_object_get_string(value),
                                 &job->actions[flow])) {
                        return false;
                }
        }
        return true;
}

/* The fields as they would be. Returns 1 to go on, 0 if that is the end. */
static int judge_fields(struct job *job, struct json_object *item)
{
        const char *text, *field = NULL;
        struct package *other;
        int r;

        r = package_fields_merge(job->fields, item, &field);
        if (r == -EINVAL) {
                return end(job, API_CODE_BAD_REQUEST, "The field is of the wrong kind", field);
        }
        if (r < 0) {
                return r;
        }
        job->changed = r == 0;
        if (json_object_object_get_ex(job->fields, "sku", NULL) &&
            (!json_get_text(job->fields, "sku", 1, PACKAGE_BYTES_MAX, &text) ||
             !package_sku_is_valid(text))) {
                return end(job, 1210,
                           "Invalid SKU given. SKU must be of the form 'vendor_name/package_name'", "sku");
        }
        if (json_get_text(job->fields, "item_id", 1, PACKAGE_BYTES_MAX, &text)) {
                other = packages_find_item(&job->environment->packages, text);
                if (other && other != job->package) {
                        return end(job, API_CODE_BAD_REQUEST, "Another package has this item_id", "item_id");
                }
        }
        return 1;
}

static int judge_flow(struct job *job, enum package_flow flow)
{
        const char *missing;

        if (job->actions[flow] != ACTION_SUBMIT) {
                return 1;
        }
        if (job->package && !package_flow_is_open(job->package, flow)) {
                return end(job, API_CODE_IN_REVIEW, "The package is in review already",
                           package_flow_name(flow));
        }
        missing = package_fields_missing(job->fields, flow);
        if (missing && flow == FLOW_TECHNICAL) {
                return end(job, 1208, "Insufficient information for Technical Submission", missing);
        }
        return missing ? end(job, API_CODE_MARKETING, "Insufficient information for Marketing Submission",
                             missing)
                       : 1;
}

static int judge(struct job *job, struct json_object *item)
{
        int r;

        if (!json_object_is_type(item, json_type_object)) {
                return end(job, API_CODE_BAD_REQUEST, "Each item must be an object", NULL);
        }
        if (!read_actions(item, job)) {
                return end(job, API_CODE_BAD_REQUEST, "There is no such action", "action");
        }
        r = judge_fields(job, item);
        for (int flow = FLOW_TECHNICAL; r > 0 && flow < FLOWS; flow++) {
                r = judge_flow(job, (enum package_flow)flow);
        }
        if (r <= 0) {
                return r;
        }
        if (job->package && job->changed && !wants(job, ACTION_RECALL) &&
            !package_flow_is_open(job->package, FLOW_TECHNICAL) &&
            !package_flow_is_open(job->package, FLOW_MARKETING)) {
                return end(job, API_CODE_IN_REVIEW, "The package is in review: it can only be recalled",
                           NULL);
        }
        job->scan = package_fields_scan(job->fields, &job->environment->uploads, moment_boottime_usec());
        if (job->scan == -ENOENT) {
                return end(job, API_CODE_NOT_FOUND, "There is no such file", "file_upload_id");
        }
        return 1;
}

/* Keeps the fields. Returns 1 to go on, 0 if that is the end. */
static int keep(struct job *job)
{
        _cleanup_(package_freep) struct package *made = NULL;
        struct packages *packages = &job->environment->packages;
        struct package *package = job->package;
        bool is_new = !package;
        struct json_object *vendor;
        int r;

        if (wants(job, ACTION_SUBMIT) && scan_is_good((enum scan_status)job->scan) &&
            json_object_object_get_ex(job->environment->account, "vendor_name", &vendor) &&
            package_fields_add_sku(job->fields, json_object_get_string(vendor)) < 0) {
                return -ENOMEM;
        }
        if (is_new) {
                r = package_new(&made);
                if (r < 0) {
                        return r;
                }
                package = made;
        }
        r = package_set_fields(is_new ? NULL : packages, package, job->fields);
        if (r == -E2BIG) {
                return end(job, API_CODE_TOO_LARGE,
                           "The package is longer than 64 KiB, or there are too many", NULL);
        }
        if (r < 0) {
                return r;
        }

        package->modified_usec = moment_wall_usec();
        if (is_new) {
                package->created_usec = package->modified_usec;
                packages_add(packages, take_ptr(made));
        }
        job->package = package;
        job->outcome->package = package;
        return 1;
}

static int act_on_store(struct job *job)
{
        const char *before = job->package->status[FLOW_OVERALL];
        enum action action = job->actions[FLOW_OVERALL];

        if (action == ACTION_DRAFT) {
                return 1;
        }
        if (action == ACTION_REMOVE && !streq(before, "released_to_store")) {
                return end(job, API_CODE_IN_REVIEW, "The package is not in the store", "overall");
        }
        (void)package_status_tell(job->package, FLOW_OVERALL,
                                  action == ACTION_REMOVE ? "developer_removed_from_store"
                                                          : "canceled_by_developer");
        return callbacks_add_status(job->environment, job->package, FLOW_OVERALL) < 0 ? -ENOMEM : 1;
}

static int act(struct job *job)
{
        int r;

        r = act_on_store(job);
        if (r <= 0) {
                return r;
        }
        if (wants(job, ACTION_SUBMIT) && !scan_is_good((enum scan_status)job->scan)) {
                return job->scan == SCAN_FAIL
                               ? end(job, API_CODE_MALWARE, "A file has not passed the malware scan", NULL)
                               : end(job, 1321, "The malware scan of a file is not over", NULL);
        }
        for (int flow = FLOW_TECHNICAL; flow < FLOWS; flow++) {
                if (job->actions[flow] == ACTION_SUBMIT) {
                        package_flow_submit(job->package, (enum package_flow)flow);
                } else if (job->actions[flow] == ACTION_RECALL) {
                        package_flow_recall(job->package, (enum package_flow)flow);
                } else {
                        continue;
                }
                r = callbacks_add_status(job->environment, job->package, (enum package_flow)flow);
                if (r < 0) {
                        return r;
                }
        }
        return end(job, PACKAGE_SUCCESS, "Success", NULL);
}

int package_item_carry_out(struct environment *environment, struct json_object *item,
                           struct package *package, struct package_outcome *ret)
{
        _cleanup_(json_putp) struct json_object *fields = NULL;
        struct job job = { .environment = environment, .package = package, .outcome = ret };
        int r;

        *ret = (struct package_outcome){ 0 };
        if (package) {
                r = package_get_fields(package, &fields);
                if (r < 0) {
                        return r;
                }
        } else {
                fields = json_object_new_object();
                if (!fields) {
                        return -ENOMEM;
                }
        }
        job.fields = fields;

        r = judge(&job, item);
        if (r > 0) {
                r = keep(&job);
        }
        return r > 0 ? act(&job) : r;
}

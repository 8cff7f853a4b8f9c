/* package_batch: submissions, by arrays or one at a time, and the list of all. */
#include "lib/util.h"
#include "simulator/api_code.h"
#include "simulator/json_text.h"
#include "simulator/portal/package_item.h"
#include "simulator/portal/package_list.h"
#include "simulator/portal/package_view.h"
#include "simulator/portal/portal_handlers.h"

#include <errno.h>
#include <stdio.h>

/* {"code","message"} and, where there is a package now, what is known of it. */
static struct json_object *describe(const struct package_outcome *outcome)
{
        _cleanup_(json_putp) struct json_object *object = json_object_new_object();
        _cleanup_free_ char *message = NULL;

        if (asprintf(&message, "%s%s%s", outcome->message, outcome->field ? ": " : "",
                     outcome->field ? outcome->field : "") < 0) {
                message = NULL;
                return NULL;
        }
        if (json_add(object, "code", json_object_new_int64(outcome->code)) < 0 ||
            json_add_text(object, "message", message) < 0 ||
            (outcome->package && package_view_add_receipt(outcome->package, object) < 0)) {
                return NULL;
        }
        return take_ptr(object);
}

/* Which package an item of a PUT means, by submission_id or, without one, by item_id. */
static struct package *find_meant(const struct environment *environment, struct json_object *item)
{
        const char *id;

        if (!json_object_is_type(item, json_type_object)) {
                return NULL;
        }
        if (json_get_text(item, "submission_id", 1, 64, &id)) {
                return packages_find(&environment->packages, id);
        }
        return json_get_text(item, "item_id", 1, PACKAGE_BYTES_MAX, &id)
                       ? packages_find_item(&environment->packages, id)
                       : NULL;
}

static int carry_out(struct portal_call *call, struct json_object *item, struct package_outcome *ret)
{
        struct package *package = NULL;

        if (portal_is(call, "PUT")) {
                package = find_meant(call->environment, item);
                if (!package) {
                        *ret = (struct package_outcome){ .code = API_CODE_NOT_FOUND,
                                                         .message = "There is no such package",
                                                         .field = "submission_id" };
                        return 0;
                }
        }
        return package_item_carry_out(call->environment, item, package, ret);
}

int portal_packages(struct portal_call *call, struct answer **ret)
{
        _cleanup_(json_putp) struct json_object *body = NULL, *outcomes = NULL;
        struct package_outcome outcome;
        int r;

        if (portal_is_read(call)) {
                return package_list_answer(call, PACKAGES_ALL, ret);
        }
        r = portal_read_body(call, &body, ret);
        if (r <= 0) {
                return r;
        }
        if (!json_object_is_type(body, json_type_array) || json_object_array_length(body) == 0 ||
            json_object_array_length(body) > PORTAL_BATCH_MAX) {
                return portal_bad_request(ret, "The body must be an array of 1 to 200 packages");
        }

        outcomes = json_object_new_array();
        for (size_t i = 0; i < json_object_array_length(body); i++) {
                r = carry_out(call, json_object_array_get_idx(body, i), &outcome);
                if (r < 0) {
                        return r;
                }
                if (json_append(outcomes, describe(&outcome)) < 0) {
                        return -ENOMEM;
                }
        }
        return answer_new_json(ret, 200, take_ptr(outcomes));
}

/* One package by its path: here the HTTP status says whether it worked, unless an array asked for a batch.
 */
static int update(struct portal_call *call, struct package *package, struct answer **ret)
{
        _cleanup_(json_putp) struct json_object *body = NULL, *list = NULL, *described = NULL;
        struct json_object *item;
        struct package_outcome outcome;
        bool batch;
        int r;

        r = portal_read_body(call, &body, ret);
        if (r <= 0) {
                return r;
        }
        batch = json_object_is_type(body, json_type_array);
        if (batch && json_object_array_length(body) != 1) {
                return portal_bad_request(ret, "The body must be one package");
        }
        item = batch ? json_object_array_get_idx(body, 0) : body;

        r = package_item_carry_out(call->environment, item, package, &outcome);
        if (r < 0) {
                return r;
        }
        described = describe(&outcome);
        if (!batch) {
                return answer_new_json(ret, outcome.code == PACKAGE_SUCCESS ? 200 : 400,
                                       take_ptr(described));
        }
        list = json_object_new_array();
        if (json_append(list, take_ptr(described)) < 0) {
                return -ENOMEM;
        }
        return answer_new_json(ret, 200, take_ptr(list));
}

int portal_package(struct portal_call *call, struct answer **ret)
{
        const struct packages *packages = &call->environment->packages;
        const char *style = portal_parameter(call, "style");
        struct package *package = packages_find(packages, call->arguments[0]);

        if (!package) {
                package = packages_find_item(packages, call->arguments[0]);
        }
        if (!package) {
                return portal_not_found(ret, "There is no such package");
        }
        if (portal_is(call, "PUT")) {
                return update(call, package, ret);
        }
        return answer_new_json(ret, 200,
                               package_view(call->environment, package, style && streq(style, "summary")));
}

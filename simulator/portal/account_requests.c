/* account_requests: the profile of the account's owner, shown and changed. */
#include "lib/util.h"
#include "simulator/json_text.h"
#include "simulator/portal/account.h"
#include "simulator/portal/portal_handlers.h"

#include <errno.h>

#define ACCOUNT_BYTES_MAX (128 * 1024)

static const char *const summary_fields[] = { "mage_id",          "first_name",
                                              "last_name",        "email",
                                              "screen_name",      "has_completed_profile",
                                              "has_accepted_tos", NULL };

/* Of a copy, since faults write into answers. */
static int show(const struct portal_call *call, struct answer **ret)
{
        _cleanup_(json_putp) struct json_object *copy = NULL, *part = NULL;
        const char *style = portal_parameter(call, "style");
        struct json_object *value;

        if (json_object_deep_copy(call->environment->account, &copy, NULL) < 0) {
                return -ENOMEM;
        }
        if (!style || !streq(style, "summary")) {
                return answer_new_json(ret, 200, take_ptr(copy));
        }
        part = json_object_new_object();
        for (size_t i = 0; summary_fields[i]; i++) {
                if (json_object_object_get_ex(copy, summary_fields[i], &value) &&
                    json_add(part, summary_fields[i], json_object_get(value)) < 0) {
                        return -ENOMEM;
                }
        }
        return answer_new_json(ret, 200, take_ptr(part));
}

int portal_account(struct portal_call *call, struct answer **ret)
{
        _cleanup_(json_putp) struct json_object *changes = NULL, *account = NULL;
        const char *mage_id = call->environment->mage_id, *given = mage_id;
        size_t size;
        int r;

        if (portal_is_read(call)) {
                return show(call, ret);
        }
        r = portal_read_body(call, &changes, ret);
        if (r <= 0) {
                return r;
        }
        if (!json_object_is_type(changes, json_type_object) ||
            (json_object_object_get_ex(changes, "mage_id", NULL) &&
             (!json_get_text(changes, "mage_id", 1, 64, &given) || !streq(given, mage_id)))) {
                return portal_bad_request(ret, "The body must be a JSON object, of this account");
        }

        if (json_object_deep_copy(call->environment->account, &account, NULL) < 0) {
                return -ENOMEM;
        }
        if (!account_merge(account, changes)) {
                return portal_bad_request(ret, "A field is of the wrong kind, or the action is unknown");
        }
        if (!json_object_to_json_string_length(account, JSON_C_TO_STRING_PLAIN, &size)) {
                return -ENOMEM;
        }
        if (size > ACCOUNT_BYTES_MAX) {
                return portal_bad_request(ret, "The profile becomes longer than 128 KiB");
        }
        json_object_put(call->environment->account);
        call->environment->account = take_ptr(account);
        return show(call, ret);
}

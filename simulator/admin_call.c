/* admin_call: common answers to a request that makes no sense. */
#include "simulator/admin_call.h"

#include "lib/util.h"
#include "simulator/json_text.h"

#include <errno.h>
#include <stdio.h>

int admin_bad_request(struct answer **ret, const char *message)
{
        return answer_new_error(ret, 400, 400, message);
}

int admin_check_fields(const struct admin_call *call, const char *const *known, struct answer **ret)
{
        _cleanup_free_ char *message = NULL;
        const char *unknown;

        if (!json_object_is_type(call->body, json_type_object)) {
                return admin_bad_request(ret, "the body must be a JSON object");
        }
        unknown = json_unknown_field(call->body, known);
        if (!unknown) {
                return 1;
        }
        if (asprintf(&message, "unknown field: %.64s", unknown) < 0) {
                message = NULL;
                return -ENOMEM;
        }
        return admin_bad_request(ret, message);
}

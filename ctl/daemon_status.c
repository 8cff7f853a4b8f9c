/* Daemon status: finding one's way in the JSON of GET /v1/status. */
#include "ctl/daemon_status.h"

#include "ctl/fields.h"

#include <errno.h>

int daemon_status_get(struct eqp_broker *broker, struct json_object **ret_status)
{
        _cleanup_free_ char *json = NULL;
        int r;

        r = eqp_broker_get_status(broker, &json);
        if (r < 0) {
                return r;
        }

        *ret_status = json_tokener_parse(json);
        return *ret_status ? 0 : -ENOMEM;
}

/* The object of a list whose text field has this value. */
static struct json_object *find(struct json_object *list, const char *field, const char *value)
{
        size_t n = list ? json_object_array_length(list) : 0;

        for (size_t i = 0; i < n; i++) {
                struct json_object *object = json_object_array_get_idx(list, i);

                if (json_object_is_type(object, json_type_object) &&
                    streq(field_text(object, field), value)) {
                        return object;
                }
        }

        return NULL;
}

struct json_object *daemon_status_environment(struct json_object *status, const char *name)
{
        return find(field_array(status, "environments"), "name", name);
}

struct json_object *daemon_status_key(struct json_object *status, const char *environment, const char *label)
{
        return find(field_array(daemon_status_environment(status, environment), "keys"), "label", label);
}

const char *daemon_status_refusal(struct json_object *status, const char *file)
{
        struct json_object *environments = field_array(status, "environments");
        size_t n = environments ? json_object_array_length(environments) : 0;

        /* A file that no environment has is told of with each. */
        for (size_t i = 0; i < n; i++) {
                struct json_object *environment = json_object_array_get_idx(environments, i);
                struct json_object *refusal =
                        find(field_array(environment, "key_files_refused"), "file", file);

                if (refusal) {
                        return field_text(refusal, "reason");
                }
        }

        return NULL;
}

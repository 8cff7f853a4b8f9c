/* What the status tells of local keys. */
#include "daemon/frontend/api/status_local.h"

#include "lib/json_form.h"
#include "lib/util.h"

static struct json_object *describe(const struct local_key *key)
{
        struct json_object *json = json_object_new_object();

        json_put(json, "name", json_object_new_string(key->name));
        json_put(json, "token", json_object_new_string(key->real ? "real" : "opaque"));
        if (key->expires_sec != 0) {
                json_put(json, "expires_sec", json_object_new_int64(key->expires_sec));
        } else {
                json_put_null(json, "expires_sec");
        }
        json_put(json, "rotating", json_object_new_boolean(key->has_old));
        return json;
}

struct json_object *status_local_keys(const struct access_settings *settings, const char *environment)
{
        struct json_object *list = json_object_new_array();

        for (size_t i = 0; i < settings->n_local_keys; i++) {
                if (streq(settings->local_keys[i].environment, environment)) {
                        json_append(list, describe(&settings->local_keys[i]));
                }
        }
        return list;
}

bool status_port_held(const struct api *api)
{
        for (size_t i = 0; i < ARRAY_SIZE(api->unheld_ports); i++) {
                if (api->unheld_ports[i]) {
                        return false;
                }
        }
        return true;
}

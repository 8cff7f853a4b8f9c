/* Local keys in the status. */
#include "daemon/frontend/api/status_local.h"

#include "daemon/base/clock.h"
#include "lib/json_form.h"
#include "lib/util.h"

static struct json_object *describe(const struct local_key *key, uint64_t used_usec, uint64_t now_usec)
{
        struct json_object *json = json_object_new_object();
        char text[CLOCK_TEXT_MAX];

        json_put(json, "name", json_object_new_string(key->name));
        json_put(json, "token", json_object_new_string(key->real ? "real" : "opaque"));
        if (key->expires_sec != 0) {
                json_put(json, "expires_sec", json_object_new_int64(key->expires_sec));
        } else {
                json_put_null(json, "expires_sec");
        }
        json_put(json, "rotating", json_object_new_boolean(key->has_old));
        if (used_usec == 0) {
                json_put_null(json, "last_used_at");
                json_put_null(json, "last_used_ago_sec");
        } else {
                json_put(json, "last_used_at", json_object_new_string(clock_format_utc(used_usec, text)));
                json_put(json, "last_used_ago_sec",
                         json_object_new_int64((int64_t)(usec_sub(now_usec, used_usec) / USEC_PER_SEC)));
        }
        return json;
}

struct json_object *status_local_keys(struct api *api, const char *environment, uint64_t now_usec)
{
        const struct access_settings *settings = api->known->settings;
        const struct local_key_count *counts = local_keys_counts(&api->local_keys, api->known);
        struct json_object *list = json_object_new_array();

        for (size_t i = 0; i < settings->n_local_keys; i++) {
                if (streq(settings->local_keys[i].environment, environment)) {
                        json_append(list, describe(&settings->local_keys[i],
                                                   counts ? counts[i].last_usec : 0, now_usec));
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

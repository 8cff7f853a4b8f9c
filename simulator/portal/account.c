/* account: the profile of the account's owner, and what may be changed in it. */
#include "simulator/portal/account.h"

#include "lib/util.h"
#include "simulator/json_text.h"

#include <errno.h>

#define CALLBACKS_MAX 10
#define TEXT_MAX      2000

/* Members that an owner may change; the rest of a PUT is ignored. */
static const char *const simple_fields[] = {
        "first_name", "last_name", "screen_name",  "send_newsletter", "is_company",    "vendor_name",
        "locale",     "timezone",  "payment_type", "payment_info",    "taxpayer_type", "privacy_policy_url",
        NULL,
};
static const char *const nested_fields[] = { "personal_profile", "company_profile", NULL };

/* "submit" and "draft" are the documentation's, the others what clients in the field send. */
static const char *const actions[] = { "submit",          "draft",         "personal_profile",
                                       "company_profile", "api_callbacks", NULL };

static const char template[] =
        "{\"first_name\":\"Example\",\"last_name\":\"Vendor\",\"email\":\"vendor@example.com\","
        "\"screen_name\":\"Example Vendor\",\"has_completed_profile\":true,\"has_accepted_tos\":true,"
        "\"send_newsletter\":true,\"tos_accepted_version\":\"1.0\",\"tos_accepted_date\":\"2018-11-16 "
        "01:23:45\","
        "\"is_company\":false,\"vendor_name\":\"example\",\"partner_level\":4,\"locale\":\"en_US\","
        "\"timezone\":\"UTC\",\"payment_type\":1,\"payment_info\":\"{}\",\"taxpayer_type\":2,"
        "\"tax_review_status\":3,\"tax_withhold_percent\":25,\"extension_share_percent\":85,"
        "\"theme_share_percent\":85,\"install_share_percent\":100,\"support_share_percent\":100,"
        "\"privacy_policy_url\":\"https://www.example.com/privacy\",\"api_callbacks\":[],"
        "\"eqp_api\":{\"is_eligible\":true,\"has_credentials\":true},"
        "\"personal_profile\":{\"bio\":\"\",\"created_at\":\"2018-10-01 14:04:59\","
        "\"modified_at\":\"2020-03-14 01:23:45\",\"social_media_info\":{},\"addresses\":[]},"
        "\"company_profile\":{\"name\":\"\",\"bio\":\"\",\"website_url\":\"https://www.example.com/\","
        "\"primary_email\":\"vendor@example.com\",\"support_email\":\"support@example.com\","
        "\"created_at\":\"2018-10-01 14:04:59\",\"modified_at\":\"2019-12-25 01:23:45\","
        "\"social_media_info\":{},\"addresses\":[]}}";

static bool is_in(const char *const *list, const char *name)
{
        while (*list && !streq(*list, name)) {
                list++;
        }
        return *list;
}

int account_new(struct json_object **ret, const char *mage_id)
{
        _cleanup_(json_putp) struct json_object *account = json_object_new_object(), *rest = NULL;

        if (json_add_text(account, "mage_id", mage_id) < 0 ||
            json_read(template, strlen(template), &rest) < 0) {
                return -ENOMEM;
        }
        json_object_object_foreach (rest, name, value) {
                if (json_add(account, name, json_object_get(value)) < 0) {
                        return -ENOMEM;
                }
        }
        *ret = take_ptr(account);
        return 0;
}

static bool is_simple(struct json_object *value)
{
        return !json_object_is_type(value, json_type_object) && !json_object_is_type(value, json_type_array);
}

/* A callback without its password, which is never shown; NULL if it is none. */
static struct json_object *read_callback(struct json_object *given)
{
        _cleanup_(json_putp) struct json_object *callback = json_object_new_object();
        static const char *const names[] = { "name", "url", "username" };
        const char *text;

        if (!json_object_is_type(given, json_type_object) ||
            !json_get_text(given, "url", 1, TEXT_MAX, &text)) {
                return NULL;
        }
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                if (json_get_text(given, names[i], 0, TEXT_MAX, &text)
                            ? json_add_text(callback, names[i], text) < 0
                            : json_object_object_get_ex(given, names[i], NULL)) {
                        return NULL;
                }
        }
        return take_ptr(callback);
}

static bool merge_callbacks(struct json_object *account, struct json_object *given)
{
        _cleanup_(json_putp) struct json_object *list = json_object_new_array();

        if (!json_object_is_type(given, json_type_array) ||
            json_object_array_length(given) > CALLBACKS_MAX) {
                return false;
        }
        for (size_t i = 0; i < json_object_array_length(given); i++) {
                if (json_append(list, read_callback(json_object_array_get_idx(given, i))) < 0) {
                        return false;
                }
        }
        return json_add(account, "api_callbacks", take_ptr(list)) >= 0;
}

/* Profiles are merged field by field. */
static bool merge_nested(struct json_object *account, const char *name, struct json_object *given)
{
        struct json_object *profile;

        if (!json_object_is_type(given, json_type_object) ||
            !json_object_object_get_ex(account, name, &profile)) {
                return false;
        }
        json_object_object_foreach (given, field, value) {
                if (json_object_object_add(profile, field, json_object_get(value)) < 0) {
                        return false;
                }
        }
        return true;
}

bool account_merge(struct json_object *account, struct json_object *changes)
{
        json_object_object_foreach (changes, name, value) {
                bool good = true;

                if (is_in(simple_fields, name)) {
                        good = is_simple(value) &&
                               json_object_object_add(account, name, json_object_get(value)) >= 0;
                } else if (is_in(nested_fields, name)) {
                        good = merge_nested(account, name, value);
                } else if (streq(name, "api_callbacks")) {
                        good = merge_callbacks(account, value);
                } else if (streq(name, "action")) {
                        good = json_object_is_type(value, json_type_string) &&
                               is_in(actions, json_object_get_string(value));
                }
                if (!good) {
                        return false;
                }
        }
        return true;
}

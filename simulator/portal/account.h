/* account: the profile of the account's owner, a JSON object. */
#pragma once

#include <json-c/json.h>

/* Makes the profile as it is at the start, which the caller puts. Returns 0 or -ENOMEM. */
int account_new(struct json_object **ret, const char *mage_id);

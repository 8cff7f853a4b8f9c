/* account: the profile of the account's owner, a JSON object. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>

/* Makes the profile as it is at the start, which the caller puts. Returns 0 or -ENOMEM. */
int account_new(struct json_object **ret, const char *mage_id);

/* Merges what its owner may change, and ignores the rest. False if something is of the wrong kind, or
 * without memory; part of it is merged then. */
bool account_merge(struct json_object *account, struct json_object *changes);

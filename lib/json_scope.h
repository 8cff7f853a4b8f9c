/* JSON values at the end of a scope: _cleanup_(json_putp). */
#pragma once

#include <json-c/json.h>
#include <stddef.h>

static inline void json_putp(struct json_object **value)
{
        (void)json_object_put(*value);
        *value = NULL;
}

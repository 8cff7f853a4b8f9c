/* Inside a share form, for the two files that make it up: names and keys (share_form.c), values
 * (share_values.c); and for their tests. */
#pragma once

#include "lib/share_form.h"
#include "lib/share_seal.h"

struct share_form {
        uint8_t session_key[SHARE_KEY_SIZE];
        uint8_t cool_down_key[SHARE_KEY_SIZE];
        char session_name[SHARE_NAME_MAX];
        char lease_name[SHARE_NAME_MAX];
};

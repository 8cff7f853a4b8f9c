/* The keys in hand, as far as others may know them; see lib/keys_view.h. */
#pragma once

#include "daemon/keeper/held_keys.h"
#include "daemon/keeper/key_refusals.h"
#include "lib/keys_view.h"

/* The caller's; the digests get a salt of their own. -ENOMEM, or what getrandom(2) and the library say. */
int key_view_new(struct keys_view **ret, const char *directory, const struct held_keys *present,
                 const struct held_keys *retired, const struct key_refusals *refusals);

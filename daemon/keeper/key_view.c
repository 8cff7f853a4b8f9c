/* The keys in hand, as far as others may know them: no ID is in it, only its digest. */
#include "daemon/keeper/key_view.h"

#include "daemon/base/keyed_digest.h"
#include "daemon/keeper/key_directory.h"
#include "lib/util.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

static int add_ids(struct keys_view *view, const struct held_keys *keys)
{
        for (const struct held_key *held = keys->first; held && view->n_ids < KEY_IDS_MAX;
             held = held->next) {
                int r = keyed_digest(held->key->id, strlen(held->key->id), view->salt,
                                     view->ids[view->n_ids++]);
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

int key_view_new(struct keys_view **ret, const char *directory, const struct held_keys *present,
                 const struct held_keys *retired, const struct key_refusals *refusals)
{
        size_t size = refusals->n * sizeof(refusals->list[0]);
        _cleanup_free_ struct keys_view *view = calloc(1, sizeof(*view) + size);

        if (!view) {
                return -ENOMEM;
        }
        (void)snprintf(view->directory, sizeof(view->directory), "%s", directory);
        view->are_credentials = key_directory_is_shared(directory);
        view->n_refusals = refusals->n;
        if (size > 0) {
                memcpy(view->refusals, refusals->list, size);
        }
        if (getrandom(view->salt, sizeof(view->salt), 0) != sizeof(view->salt)) {
                return -EIO;
        }
        int r = add_ids(view, present);
        if (r < 0) {
                return r;
        }
        r = add_ids(view, retired);
        if (r < 0) {
                return r;
        }
        *ret = take_ptr(view);
        return 0;
}

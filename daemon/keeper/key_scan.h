/* One reading of the directory of keys: its files' keys, and the files that give none. */
#pragma once

#include "daemon/keeper/held_keys.h"
#include "daemon/keeper/key_directory.h"
#include "daemon/keeper/key_refusals.h"
#include "daemon/keeper/key_watch.h"

#include <stdbool.h>
#include <stdint.h>

struct key_scan {
        /* Its needs: */
        const char *directory;
        bool relaxed; /* files that others may read are taken */
        key_directory_known_fn known;
        void *userdata;
        struct key_watch *watch;
        uint64_t *last_serial;
        struct held_keys *before, *retired; /* keys that are read again move out of them */

        /* Its findings, the caller's afterwards: */
        struct held_keys present; /* in order of the files' names */
        struct key_refusals refusals;

        bool shared; /* its own: the directory has files that are no keys, too */
};

/* Reads and watches the directory. The needs are filled in, and refusals is an empty list. */
void key_scan_run(struct key_scan *scan);

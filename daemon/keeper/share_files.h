/* The files that [share] names, but for the authorities: the store's password and the fleet's secret. */
#pragma once

#include "lib/settings.h"

#include <stddef.h>

#define SHARE_FILE_MAX 512 /* bytes of what one holds */

/* Secret memory. */
struct share_files {
        char *password; /* NULL: none is asked for */
        char *secret;   /* likewise */
        size_t n_secret;
};

/* Reads those that are named. Permissions are as for key files. Negative errno: reterr_message says which
 * file, what is wrong and what to do; nothing is read then. */
int share_files_read(const struct share_settings *settings, bool relaxed, struct share_files *ret,
                     char reterr_message[static SETTINGS_ERROR_MAX]);

/* Wipes. Harmless for one that is zeroed. */
void share_files_clear(struct share_files *files);

/* The view of the access keys outside of the keeper: where they are looked for, which files give none
 * and why, and digests by which an application ID can be recognised, but not read. */
#pragma once

#include "lib/keyed_size.h"
#include "lib/names.h"

#include <stdint.h>

#define KEYS_DIRECTORY_MAX  255 /* characters that are shown of it */
#define KEY_FILES_MAX       128 /* in the directory, of any kind */
#define KEY_FILE_REASON_MAX 256
#define KEY_IDS_MAX         256 /* of all environments, with those that are held on */

/* A file that gives no key. */
struct key_refusal {
        char file[64];                              /* "." is the directory itself */
        char environment[ENVIRONMENT_NAME_MAX + 1]; /* "" if the name tells none */
        char reason[KEY_FILE_REASON_MAX];           /* with the cure; never any content */
        bool denied;                                /* for lack of a permission */
        bool passes; /* the cause goes away by itself, or is one that is only waited for */
};

struct keys_view {
        char directory[KEYS_DIRECTORY_MAX + 1];
        bool are_credentials; /* it is the service manager's, where nobody can put a file */
        uint8_t salt[KEYED_SALT_SIZE];
        size_t n_ids;
        uint8_t ids[KEY_IDS_MAX][KEYED_DIGEST_SIZE]; /* of the application IDs that are held */
        size_t n_refusals;
        struct key_refusal refusals[];
};

/* Which directory the keys are in, and which of its entries may be one. */
#include "daemon/key_directory.h"

#include "lib/names.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_DIRECTORY "/etc/eqp-broker/keys"

int key_directory_may_be_key(const struct dirent *entry)
{
        /* Hidden names are never keys: Kubernetes' ..data, an editor's .swp. */
        return entry->d_name[0] != '.' && entry->d_type != DT_DIR;
}

static bool holds_key_file(const char *directory, key_files_known_fn known, void *userdata)
{
        char environment[ENVIRONMENT_NAME_MAX + 1], label[KEY_LABEL_MAX + 1];
        DIR *stream = opendir(directory);
        const struct dirent *entry;
        bool found = false;

        while (stream && !found && (entry = readdir(stream))) {
                found = key_directory_may_be_key(entry) &&
                        key_file_name_parse(entry->d_name, environment, label) == 0 &&
                        known(environment, userdata);
        }
        if (stream) {
                (void)closedir(stream);
        }
        return found;
}

char *key_directory_choose(const char *configured, key_files_known_fn known, void *userdata)
{
        const char *credentials = getenv("CREDENTIALS_DIRECTORY");

        if (configured) {
                return strdup(configured);
        }
        return strdup(credentials && holds_key_file(credentials, known, userdata) ? credentials
                                                                                  : DEFAULT_DIRECTORY);
}

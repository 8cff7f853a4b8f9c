/* Which directory the keys are in, and which of its entries may be one.
 *
 * The service manager's directory is not ours alone: a certificate may be there as well. And where a whole
 * directory was given as a credential, its files are there as NAME_FILE, with no way to choose otherwise. */
#include "daemon/keeper/key_directory.h"

#include "lib/names.h"
#include "lib/util.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int key_directory_may_be_key(const struct dirent *entry)
{
        /* Hidden names are never keys: Kubernetes' ..data, an editor's .swp. */
        return entry->d_name[0] != '.' && entry->d_type != DT_DIR;
}

bool key_directory_is_shared(const char *directory)
{
        const char *credentials = getenv("CREDENTIALS_DIRECTORY");

        return credentials && streq(credentials, directory);
}

int key_directory_name_parse(bool shared, const char *file,
                             char ret_environment[static ENVIRONMENT_NAME_MAX + 1],
                             char ret_label[static KEY_LABEL_MAX + 1])
{
        char name[ENVIRONMENT_NAME_MAX + 1 + KEY_LABEL_MAX + 1];
        size_t length = strlen(file), environment_length = strcspn(file, "._");
        int r = key_file_name_parse(file, ret_environment, ret_label);

        if (r >= 0 || !shared || file[environment_length] != '_' || length >= sizeof(name)) {
                return r;
        }
        memcpy(name, file, length + 1);
        name[environment_length] = '.';
        return key_file_name_parse(name, ret_environment, ret_label);
}

/* That is, the service manager's. 1: it does; 0: it does not, or there is none. Negative errno: for want of
 * descriptors or memory, that is not known. */
static int holds_key_file(const char *directory, key_directory_known_fn known, void *userdata)
{
        char environment[ENVIRONMENT_NAME_MAX + 1], label[KEY_LABEL_MAX + 1];
        DIR *stream = opendir(directory);
        const struct dirent *entry;
        bool found = false;

        if (!stream) {
                return is_shortage(errno) ? -errno : 0;
        }
        while (!found && (entry = readdir(stream))) {
                found = key_directory_may_be_key(entry) &&
                        key_directory_name_parse(/* shared= */ true, entry->d_name, environment, label) ==
                                0 &&
                        known(environment, userdata);
        }
        (void)closedir(stream);
        return found;
}

int key_directory_choose(const char *configured, const char *usual, key_directory_known_fn known,
                         void *userdata, char **ret)
{
        const char *credentials = getenv("CREDENTIALS_DIRECTORY"), *chosen = configured;

        if (!configured) {
                int r = credentials ? holds_key_file(credentials, known, userdata) : 0;
                if (r < 0) {
                        return r;
                }
                chosen = r > 0 ? credentials : usual;
        }
        char *copy = strdup(chosen);
        if (!copy) {
                return -ENOMEM;
        }
        *ret = copy;
        return 0;
}

/* The name of a credential. It stands in the unit that asks, so it is the place to say what is asked for. */
#include "lib/credential_name.h"

#include "lib/util.h"

#define PREFIX "eqp."
#define SUFFIX ".json"

bool credential_name_valid(const char *name, size_t length)
{
        if (length == 0 || length > CREDENTIAL_NAME_MAX) {
                return false;
        }
        if ((length == 1 && name[0] == '.') || (length == 2 && memcmp(name, "..", 2) == 0)) {
                return false;
        }
        for (size_t i = 0; i < length; i++) {
                if (name[i] < 0x20 || name[i] > 0x7e || name[i] == '/' || name[i] == ':') {
                        return false;
                }
        }
        return true;
}

void credential_name_read(const char *name, struct credential_name *ret)
{
        struct credential_name read = { .json = false };
        size_t length = strlen(name);

        if (length > strlen(SUFFIX) && streq(name + length - strlen(SUFFIX), SUFFIX)) {
                read.json = true;
                length -= strlen(SUFFIX);
        }
        if (strncmp(name, PREFIX, strlen(PREFIX)) == 0 && length > strlen(PREFIX)) {
                read.sure = true;
                name += strlen(PREFIX);
                length -= strlen(PREFIX);
        }
        if (environment_name_valid(name, length)) {
                memcpy(read.environment, name, length);
        }
        *ret = read;
}

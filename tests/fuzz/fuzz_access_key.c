/* Any bytes as a key file. */
#include "lib/access_key.h"
#include "lib/util.h"
#include "tests/fuzz/fuzz.h"

static void check_part(const char *part, size_t max)
{
        size_t length = strlen(part);

        must(length >= 1 && length <= max);
        for (size_t i = 0; i < length; i++) {
                must(part[i] >= 0x21 && part[i] <= 0x7e);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_(access_key_freep) struct access_key *key = NULL, *copy = NULL;
        const char *why = NULL;

        if (access_key_parse((const char *)data, size, &key, &why) < 0) {
                must(why && !key);
                return 0;
        }
        check_part(key->id, APPLICATION_ID_MAX);
        check_part(key->secret, APPLICATION_SECRET_MAX);
        must(!strchr(key->id, ':'));
        must(strlen(key->id) + 1 + strlen(key->secret) <= size);
        must(memcmp(key->id, data, strlen(key->id)) == 0);
        must(memcmp(key->secret, data + strlen(key->id) + 1, strlen(key->secret)) == 0);
        copy = access_key_copy(key);
        must(copy && access_key_equal(key, copy));
        return 0;
}

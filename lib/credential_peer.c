/* The address from which a credential is asked for. Nothing of it is believed that the manager would not
 * write: it decides who gets a token. */
#include "lib/credential_peer.h"

#include "lib/util.h"

#include <errno.h>

#define ADDRESS_MAX 108 /* bytes: sun_path of unix(7) */
#define SCOPE       "/unit/"

static size_t random_length(const char *text, size_t length)
{
        size_t n = 0;

        while (n < length && ((text[n] >= '0' && text[n] <= '9') || (text[n] >= 'a' && text[n] <= 'z') ||
                              (text[n] >= 'A' && text[n] <= 'Z'))) {
                n++;
        }
        return n;
}

int credential_peer_parse(const char *address, size_t length, struct credential_peer *ret)
{
        struct credential_peer peer = { .unit = "" };
        const char *unit, *slash, *credential, *end = address + length;
        size_t n;

        if (length < 2 || length > ADDRESS_MAX || address[0] != '\0') {
                return -EINVAL;
        }
        n = random_length(address + 1, length - 1);
        if (n == 0 || length - 1 - n < strlen(SCOPE) || memcmp(address + 1 + n, SCOPE, strlen(SCOPE)) != 0) {
                return -EINVAL;
        }

        unit = address + 1 + n + strlen(SCOPE);
        slash = memchr(unit, '/', (size_t)(end - unit));
        if (!slash || unit_name_fault(unit, (size_t)(slash - unit)) ||
            unit_name_is_template(unit, (size_t)(slash - unit))) {
                return -EINVAL;
        }
        credential = slash + 1;
        if (!credential_name_valid(credential, (size_t)(end - credential))) {
                return -EINVAL;
        }

        memcpy(peer.unit, unit, (size_t)(slash - unit));
        memcpy(peer.credential, credential, (size_t)(end - credential));
        *ret = peer;
        return 0;
}

/* ETags. */
#include "lib/etag.h"

#include "lib/util.h"

#include <stdio.h>

const char *etag_format(const uint8_t digest[static ETAG_DIGEST_SIZE], char buffer[static ETAG_TEXT_MAX])
{
        size_t n = (size_t)snprintf(buffer, ETAG_TEXT_MAX, "W/\"");

        for (size_t i = 0; i < ETAG_DIGEST_SIZE; i++, n += 2) {
                (void)snprintf(buffer + n, ETAG_TEXT_MAX - n, "%02x", digest[i]);
        }
        (void)snprintf(buffer + n, ETAG_TEXT_MAX - n, "\"");
        return buffer;
}

/* Without the mark of a weak one. */
static const char *opaque_part(const char *etag)
{
        return strncmp(etag, "W/", 2) == 0 ? etag + 2 : etag;
}

static const char *skip_blanks(const char *at)
{
        return at + strspn(at, " \t");
}

bool etag_is_named(const char *etag, const char *if_none_match)
{
        const char *wanted = opaque_part(etag), *at = skip_blanks(if_none_match);
        size_t length = strlen(wanted);

        if (at[0] == '*') {
                return *skip_blanks(at + 1) == '\0';
        }
        while (*at) {
                at = opaque_part(at);
                const char *end = at[0] == '"' ? strchr(at + 1, '"') : NULL;
                if (!end) {
                        return false;
                }
                if ((size_t)(end + 1 - at) == length && memcmp(at, wanted, length) == 0) {
                        return true;
                }
                at = skip_blanks(end + 1);
                if (*at && *at != ',') {
                        return false;
                }
                at += strspn(at, ", \t");
        }
        return false;
}

/* Which key files are safe to use. Group-readable is fine: that is how a key owned by root reaches the
 * daemon. */
#include "lib/key_file_rule.h"

#include "lib/access_key.h"

#include <errno.h>
#include <stdio.h>

#define WRITABLE_BY_OTHERS 0022U
#define READABLE_BY_ALL    0004U

int key_file_check(bool is_regular, unsigned mode, uint64_t length, bool relaxed, char *reterr_reason,
                   size_t size)
{
        mode &= 07777U;
        if (!is_regular) {
                (void)snprintf(reterr_reason, size, "it is not a regular file");
                return -EINVAL;
        }
        if (mode & WRITABLE_BY_OTHERS) {
                (void)snprintf(reterr_reason, size, "others may write to it (mode %04o): chmod 0600", mode);
                return -EINVAL;
        }
        if ((mode & READABLE_BY_ALL) && !relaxed) {
                (void)snprintf(reterr_reason, size,
                               "everybody may read it (mode %04o): chmod 0600, or set key_permissions = "
                               "relaxed where the platform offers nothing better",
                               mode);
                return -EINVAL;
        }
        if (length > ACCESS_KEY_TEXT_MAX) {
                (void)snprintf(reterr_reason, size,
                               "it is too long (more than %d bytes) for one line "
                               "APPLICATION_ID:APPLICATION_SECRET",
                               ACCESS_KEY_TEXT_MAX);
                return -EINVAL;
        }
        return 0;
}

/* Messages to the service manager. libsystemd's own function would wait until the manager reads: were that
 * to hang, so would we. */
#include "daemon/keeper/notify.h"

#include "daemon/base/mailbox.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define LINES_MAX 1280

int notify(int fd, const char *format, ...)
{
        static struct mailbox manager;
        static bool open;
        const char *address = getenv("NOTIFY_SOCKET");
        char lines[LINES_MAX];
        va_list arguments;

        if (!address) {
                return -ENOTCONN;
        }
        if (!open) {
                int r = mailbox_open(&manager, address);
                if (r < 0) {
                        return r;
                }
                open = true;
        }
        va_start(arguments, format);
        int length = vsnprintf(lines, sizeof(lines), format, arguments);
        va_end(arguments);
        if (length < 0 || (size_t)length >= sizeof(lines)) {
                return -E2BIG;
        }
        return mailbox_send(&manager, lines, (size_t)length, fd);
}

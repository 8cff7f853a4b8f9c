/* Notify: one datagram, as sd_notify(3) sends it; a library for that would be one more for all of eqpctl. */
#include "ctl/notify.h"

#include "lib/util.h"

void notify_take(struct notify *ret)
{
        const char *path = secure_getenv("NOTIFY_SOCKET");
        size_t length = path ? strlen(path) : 0;

        *ret = (struct notify){ .address.sun_family = AF_UNIX };
        if (length >= 2 && length < sizeof(ret->address.sun_path) && (path[0] == '/' || path[0] == '@')) {
                memcpy(ret->address.sun_path, path, length);
                if (path[0] == '@') {
                        ret->address.sun_path[0] = '\0'; /* a name that is no file's */
                }
                ret->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
        }
        (void)unsetenv("NOTIFY_SOCKET");
}

void notify_ready(const struct notify *notify)
{
        static const char ready[] = "READY=1";
        _cleanup_close_ int fd = notify->length > 0 ? socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;

        if (fd >= 0) {
                (void)sendto(fd, ready, strlen(ready), MSG_DONTWAIT | MSG_NOSIGNAL,
                             (const struct sockaddr *)&notify->address, notify->length);
        }
}

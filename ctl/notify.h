/* Notify: tells the service manager that started this process that it is ready. */
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

struct notify {
        struct sockaddr_un address;
        socklen_t length; /* 0: nobody wants to know */
};

/* The service manager's socket, from NOTIFY_SOCKET, which is unset: it is not for children. */
void notify_take(struct notify *ret);

/* sd_notify(3)'s READY=1. That it cannot be told is no failure of ours. */
void notify_ready(const struct notify *notify);

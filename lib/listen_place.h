/* Where a request came in: what the checks of its headers have to know of it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct listen_place {
        bool tcp;
        uint16_t port;
        char address[24]; /* TCP: our end as in a Host header, without the port: "127.0.0.1", "[::1]" */
};

/* Where a request came in: the facts for the checks of its headers. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct listen_place {
        bool tcp;
        uint16_t port;
        char address[24]; /* TCP: our end as in a Host header, without the port: "127.0.0.1", "[::1]" */
};

/* A user database of the test's own, in place of the machine's: link with
 * --wrap=getpwnam_r,--wrap=getgrnam_r. It knows one name. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct user_database {
        int error; /* errno instead of an answer; 0: it answers */
        bool known;
        uint32_t id;
};

extern struct user_database user_database;

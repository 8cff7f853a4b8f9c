/* A user database of the test's own, in place of the machine's: link with
 * --wrap=getpwnam_r,--wrap=getgrnam_r. It knows every name, or none. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct user_database {
        int error; /* errno instead of an answer; 0: it answers */
        bool mute; /* neither an answer nor an errno: that stays as it was */
        bool known;
        uint32_t id;
        const char *hangs; /* on this name, until it is set to NULL */
};

extern volatile struct user_database user_database;

/* The limits that a process has set itself, as far as the kernel let it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct confinement {
        bool no_new_privileges;
        bool filter;       /* of system calls */
        uint32_t landlock; /* the version of the kernel's interface that is in force; 0: none */
};

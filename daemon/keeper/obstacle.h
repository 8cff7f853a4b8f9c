/* Why a file may not be read: the closed part of the way to it, and the command that would open it. */
#pragma once

#include <limits.h>
#include <stdbool.h>

struct obstacle {
        char path[PATH_MAX]; /* the directory that may not be passed, or the file or directory itself */
        bool on_the_way;     /* the former */
        bool is_directory;
};

/* Looks as the effective user. False: nothing is in the way of reading it, as far as that can be seen. */
bool obstacle_find(const char *path, struct obstacle *ret);

/* The command that opens it to everybody, as is fit for settings and certificates; the path goes behind it.
 */
const char *obstacle_cure(const struct obstacle *obstacle);

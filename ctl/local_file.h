/* Local file: the file of eqp-brokerd.conf.d in which a local key stands that eqpctl has made. Every
 * function says on stderr what went wrong, and leaves nothing half done. */
#pragma once

#include "lib/util.h"

#define LOCAL_FILE_PATH_MAX 4096

/* Its path: "local-NAME.conf" beside the configuration. False: that is longer than a path may be. */
bool local_file_path(const char *name, char ret[static LOCAL_FILE_PATH_MAX]);

/* The path of the file that local keys in a user's own broker get their port by. False likewise. */
bool local_file_listener_path(char ret[static LOCAL_FILE_PATH_MAX]);

/* Writes it, whole at every moment, on the disk when this returns; if it may not outlive a power failure,
 * that is said. A new one has mode 0640 and is readable for the group eqp-broker; one that is replaced keeps
 * owner, group and mode. create: -EEXIST if there is one. Else it is replaced. */
int local_file_put(const char *path, const char *text, size_t length, bool create);

/* Its text, the caller's to free; NULL: there is none (told, with what that means), or it cannot be read. */
char *local_file_read(const char *path, const char *name);

/* 1: it is removed, but may come back after a power failure, which is said. */
int local_file_remove(const char *path);

/* Folder: one that the daemon's user has to get through. */
#pragma once

/* Makes it where there is none: mode 0700 in a user's own broker, else 0755, whatever our umask. 0 if it is
 * there already, too; a negative errno. */
int folder_make(const char *path);

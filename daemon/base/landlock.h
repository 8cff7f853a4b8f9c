/* Landlock: the files and addresses that a process can open, make, run and reach, whatever system call it
 * finds for that. */
#pragma once

#include <stdint.h>

/* All: no new privileges must be in force. *ret: the version of the interface that is used then, which is
 * the kernel's or the newest known here. Negative errno: nothing is in force; -ENOSYS, -EOPNOTSUPP, -EPERM:
 * there is no Landlock (here). */

/* No file, no TCP port, no abstract unix socket of another's, and no signal to another. */
int landlock_nothing(uint32_t *ret);

/* The same, but that it can connect to TCP ports. */
int landlock_connect_only(uint32_t *ret);

/* Files are for reading, sockets and folders can be made and sockets removed, and nothing is run but this
 * program and what is in the folder of its loader. Free is what is no file. */
int landlock_read_only(uint32_t *ret);
